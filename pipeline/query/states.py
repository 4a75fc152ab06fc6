"""SQL over the states of all declared tables: a union with a select for each table, made from the declarations."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from pipeline.model import Column, Origin, Table


def intervals(tables: Iterable[Table]) -> str:
    """Return a select of the interval of each state: its key as `arn` and `item`, valid_from and valid_to."""
    return "\nunion all\n".join(
        f"select '{table.name}' as table_name, account_id, region, {table.key[0]} as arn, "
        f"{_item(table, '{}')} as item, valid_from, valid_to from history.{table.name}"
        for table in tables
    )


def row_changes(tables: Iterable[Table]) -> str:
    """Return a select of the rows that appeared, changed or went, with the changed columns in `differences`.

    An ended state is joined with its successor, the state of the same key that begins when it ends. If there is one,
    the row has changed, otherwise it went. A state that is no successor appeared. `differences` has a null for each
    column that did not change, and only a null if the row appeared or went.
    """
    return "\nunion all\n".join(map(_row_changes, tables))


def _row_changes(table: Table) -> str:
    keys = " and ".join(f"after.{name} = before.{name}" for name in table.key)
    # counted items have rows of their own, which say more
    compared = [c for c in table.columns if c.name not in table.key and c.origin is not Origin.COUNT]
    return f"""
        select
            '{table.name}' as table_name,
            coalesce(after.account_id, before.account_id) as account_id,
            coalesce(after.region, before.region) as region,
            coalesce(after.{table.key[0]}, before.{table.key[0]}) as arn,
            {_item(table, "coalesce(after.{0}, before.{0})")} as item,
            coalesce(before.valid_to, after.valid_from) as changed_at,
            case
                when after.valid_from is null then 'went'
                when before.valid_to is null then 'appeared'
                else 'changed'
            end as change,
            case
                when after.valid_from = before.valid_to then [{", ".join(map(_difference, compared))}]
                else [null]
            end as differences
        from (from history.{table.name} where valid_to is not null) as before
        full join history.{table.name} as after on {keys} and after.valid_from = before.valid_to"""


def _item(table: Table, column: str) -> str:
    """Return SQL for the rest of the key, such as training/input/0; `column` is the pattern of a column."""
    rest = ", ".join(column.format(name) for name in table.key[1:])
    return f"concat_ws('/', {rest})" if rest else "null::varchar"


def _difference(column: Column) -> str:
    before, after = f'before."{column.name}"', f'after."{column.name}"'
    values = f"'value_before': {_text(before, column.type)}, 'value_after': {_text(after, column.type)}"
    return f"case when {before} is distinct from {after} then {{'column_name': '{column.name}', {values}}} end"


def _text(value: str, kind: pa.DataType) -> str:
    """Return SQL for a value as text. Instants are in UTC, whatever the time zone of the session."""
    return f"({value} at time zone 'UTC')::varchar || '+00'" if pa.types.is_timestamp(kind) else f"{value}::varchar"
