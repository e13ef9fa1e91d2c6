"""Photos as `clean_images` gives them, without photos."""

from collections.abc import Iterable, Mapping

import pyarrow as pa

_TEXTS = ("sha256", "label", "name", "day", "drop_reason", "group", "user_group", "user_split")
_SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in _TEXTS),
        *(pa.field(name, pa.bool_()) for name in ("keep", "is_sample")),
        pa.field("bridges", pa.list_(pa.string())),
    ]
)


def clean_table(rows: Iterable[Mapping[str, object]]) -> pa.Table:
    """What `build_dataset` needs; a photo is kept and alone in its group unless a row says else."""
    usual = {"day": "2025-05-01", "keep": True, "drop_reason": "", "is_sample": False}
    alone = ({"group": row["sha256"], "bridges": [], **usual, **row} for row in rows)
    return pa.Table.from_pylist(list(alone), schema=_SCHEMA)
