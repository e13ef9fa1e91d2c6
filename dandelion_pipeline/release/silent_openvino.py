"""OpenVINO without its telemetry.

Importing it would post an event to its maker in the background, for which it forks this process in
the middle of whatever other threads do, and write an identifier below ``~/intel``. It does without
where the package ``openvino_telemetry`` cannot be imported.
"""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

__all__ = ["openvino"]
