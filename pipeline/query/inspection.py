"""What a lake.duckdb shows: the snapshot that its views read, found without reading a row."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from pipeline.query.views import literal

_SNAPSHOT = re.compile(r"/snapshots/([^/']+)/projects\.parquet")


def shown_by(path: Path) -> str | None:
    """Return the id of the snapshot that the file's views read; None if it is no such database.

    OSError if it cannot be read.
    """
    try:
        with duckdb.connect() as con:
            con.execute(f"attach {literal(str(path.resolve()))} as shown (read_only)")
            query = "select sql from duckdb_views() where database_name = 'shown' and view_name = 'projects'"
            texts = [str(text) for (text,) in con.execute(query).fetchall()]
    except duckdb.Error:
        return None
    found = [match[1] for text in texts if (match := _SNAPSHOT.search(text))]
    return found[0] if found else None
