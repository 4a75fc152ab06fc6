"""The mart of changes leaves out no table and no column but counts, whatever is declared later."""

from __future__ import annotations

import pytest

from pipeline.model import TABLES, Origin
from tests.sql import lakes
from tests.sql.test_history_checks import ONE_ROW, PLACE, state, values_of


@pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_each_column_that_changes_is_reported(table, zone, place):
    columns = [column for column in table.columns if column.name not in table.key]
    before, after = ({column.name: values_of(column)[side] for column in columns} for side in (0, 1))
    key = {name: PLACE[table.name][0] if name.endswith("_arn") else ONE_ROW[table.name].get(name) for name in table.key}
    key = {name: value for name, value in key.items() if value}
    states = [state(table.name, 1, 2) | before | key, state(table.name, 2) | after | key]
    lakes.make(place, {f"history.{table.name}": states})
    with lakes.connect(place, allow_write=True) as con:
        con.execute(f"set timezone = '{zone}'")
        rows = con.sql("select * from changes where change = 'changed'").to_arrow_table().to_pylist()
        con.execute("set timezone = 'UTC'")
        past = [
            lakes.texts(con.sql(f"from history.{table.name} where valid_to is {test} null")) for test in ("not", "")
        ]
    reported = {row["column_name"]: (row["value_before"], row["value_after"]) for row in rows}
    assert reported == {
        column.name: (past[0][0][column.name], past[1][0][column.name])
        for column in columns
        if column.origin is not Origin.COUNT  # what is counted has rows of its own
    }
    assert {(row["table_name"], row["arn"], row["item"]) for row in rows} == {(table.name, *PLACE[table.name])}


@pytest.mark.parametrize("table", [table.name for table in TABLES])
def test_each_table_is_reported(table, place):
    lakes.make(place, {f"history.{table}": [state(table, 1, 2), state(table, 3, 4)]})
    with lakes.asked(place) as con:
        rows = con.sql("select day(changed_at), table_name, change, arn, item from changes order by 1").fetchall()
    place_of_row = PLACE[table]
    assert rows == [
        (1, table, "appeared", *place_of_row),
        (2, table, "went", *place_of_row),
        (3, table, "appeared", *place_of_row),
        (4, table, "went", *place_of_row),
    ]
