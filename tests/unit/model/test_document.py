from __future__ import annotations

from pathlib import Path

from pipeline.model import TABLES
from pipeline.model.document import markdown

PAGE = Path(__file__).parents[3] / "docs" / "tables.md"


def test_the_data_dictionary_is_what_the_declarations_say():
    assert PAGE.read_text(encoding="utf-8") == markdown(TABLES), "stale: run `make docs`"


def test_every_column_has_its_row():
    text = markdown(TABLES)
    for table in TABLES:
        for column in table.columns:
            assert f"| {column.name} | {column.type} | {column.unit} | {column.source} |" in text
