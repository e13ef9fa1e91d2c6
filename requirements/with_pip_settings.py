"""Runs a command with pip's settings handed on to uv, which does not read them.

    python requirements/with_pip_settings.py uv pip install …

Indexes, certificates and proxies are often set up once, in a `pip.conf` or in `PIP_…` variables.
uv has variables of its own for the same; those that are set already are left as they are. Nothing
is written, and nothing is shown: an address may hold a password.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping

SECTIONS = ("global", "download", "install", ":env:")
"""Of pip's configuration; the later one counts."""

VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
}
LISTS = {"UV_INDEX": " ", "UV_FIND_LINKS": ",", "UV_INSECURE_HOST": " "}
"""What separates several values; pip takes any white space."""

SAME = {"UV_DEFAULT_INDEX": ("UV_INDEX_URL",), "UV_INDEX": ("UV_EXTRA_INDEX_URL",)}
"""Older names, with which uv may have been set up as well."""


def main(command: list[str]) -> None:
    """Become the command."""
    settings = pip_settings()
    environment = {**for_uv(settings, os.environ), **os.environ}
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        command = [*command, "--no-index"]  # there is no variable for it
    os.execvpe(command[0], command, environment)  # noqa: S606  the Makefile's own words


def pip_settings() -> dict[str, str]:
    """What pip would do for an installation, from its files and variables."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.partition(".")
        if section in found:
            found[section][option] = str(ast.literal_eval(value))
    return {option: value for section in SECTIONS for option, value in found[section].items()}


def for_uv(settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that tell uv the same; without those that the environment settles."""
    ours = {
        variable: LISTS.get(variable, "").join(settings[option].split())
        for option, variable in VARIABLES.items()
        if settings.get(option, "").strip()
        and not any(name in environment for name in (variable, *SAME.get(variable, ())))
    }
    if "UV_INDEX" in ours and "UV_INDEX_STRATEGY" not in environment:
        # pip takes a release from whichever index has it. The lock file's hashes make that safe.
        ours["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return ours


if __name__ == "__main__":
    main(sys.argv[1:])
