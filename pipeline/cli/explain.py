"""The command that explains one resource: where its rows come from, and how it was before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import Config, Lake
from pipeline.cli.output import to_stdout
from pipeline.cli.render import printable

if TYPE_CHECKING:
    from pipeline.jobs.explain import Explanation, Row, TableRows

SHOWN_ONCE = frozenset({"account_id", "region"})
"""Columns that are the same in all rows about a resource: its scope."""


class ExplainFormat(StrEnum):
    """The form of the explanation."""

    text = "text"
    json = "json"


def explain(
    arn: Annotated[str, typer.Argument(metavar="ARN", help="ARN of a project, dataset or model version.")],
    lake: Lake = None,
    form: Annotated[ExplainFormat, typer.Option("--format", help="text for people, json for programs.")] = (
        ExplainFormat.text
    ),
    config: Config = None,
) -> None:
    """Show where the rows of a project, dataset or model version come from, and all states that syncs have seen.

    Shows the run and the raw page with AWS's request id, the description as it came, the row that it gives now (beside
    the published one where they differ), and since when it is gone. Exits 1 if no sync has seen it.

    Example:

        reklake explain arn:aws:rekognition:us-east-1:111122223333:project/cats/version/v1/1690556751958
    """
    from pipeline import settings
    from pipeline.jobs.explain import Status
    from pipeline.jobs.explain import explain as find

    found = find(settings.load(lake=lake, config=config), arn)
    with to_stdout():
        if form is ExplainFormat.json:
            typer.echo(json.dumps(_document(found), indent=2, default=_text))
        else:
            for line in lines(found):
                typer.echo(printable(line))
    if found.status is Status.UNKNOWN:
        raise typer.Exit(Exit.FAILED)


def _document(found: Explanation) -> dict[str, Any]:
    return {
        "arn": found.arn,
        "kind": found.kind,
        "status": found.status,
        "gone_since": found.gone_since,
        "account_id": found.scope.account_id,
        "region": found.scope.region,
        "snapshot": found.snapshot,
        "run_id": found.source and found.source.run_id,
        "listed_at": found.source and found.source.listed_at,
        "pages": [asdict(page) for page in found.pages],
        "tables": [asdict(rows) for rows in found.tables],
        "missing": found.missing,
    }


def lines(found: Explanation) -> Iterator[str]:
    """Yield the explanation for people, line by line."""
    yield f"{found.kind} {found.arn}"
    yield f"  {_status(found)}"
    yield f"  scope     {found.scope}"
    yield f"  snapshot  {found.snapshot}"
    if found.source:
        yield f"  run       {found.source.run_id}, listed at {_text(found.source.listed_at)}"
    for missing in found.missing:
        yield f"  {missing} The next sync that lists the scope lands its pages again."
    for page in found.pages:
        yield ""
        yield f"{page.operation}, page {page.page_number} of {page.file}"
        yield f"  came at {_text(page.observed_at)}, request id {page.request_id}"
        yield from json.dumps(page.description, indent=2, ensure_ascii=False).split("\n")
    for rows in found.tables:
        yield ""
        yield from _rows(rows)
        yield from _states(rows)


def _status(found: Explanation) -> str:
    match found.status:
        case "present":
            return "is there"
        case "gone":
            return f"is gone: not listed since {_text(found.gone_since)}"
    if found.source is None:
        return f"was never seen, as its scope was never listed to its end: reklake sync --region {found.scope.region}"
    return "was never seen: check the ARN, or run `reklake sync` if it is new"


def _rows(rows: TableRows) -> Iterator[str]:
    """Yield each row without its nulls; where the landed pages give another row now, both values."""
    published, flattened = _by_key(rows.table, rows.published), _by_key(rows.table, rows.flattened or [])
    for key in sorted({*published, *flattened}):
        row = published.get(key) or flattened[key]
        now = row if rows.flattened is None else flattened.get(key)
        note = ", flattened from its page now, but not published" if key not in published else ""
        note = ", published, but on no landed page now" if now is None else note
        yield f"{rows.table}{note}"
        for name, value in row.items():
            if name in SHOWN_ONCE:
                continue
            other = now[name] if now else value
            if value != other:
                yield f"  {name:<32}  {_text(value)} published, {_text(other)} flattened now"
            elif value is not None:
                yield f"  {name:<32}  {_text(value)}"


def _states(rows: TableRows) -> Iterator[str]:
    """Yield a line a state: from when to when it was seen, and what had changed."""
    from pipeline.model import VALID_FROM, VALID_TO, table

    columns = table(rows.table).names
    before: dict[tuple[Any, ...], Row] = {}
    yield f"{rows.table}: {'1 state' if len(rows.states) == 1 else f'{len(rows.states):,} states'}"
    for state in rows.states:
        (key,) = _by_key(rows.table, [state])
        last = before.get(key)
        if last is None:
            change = "first seen"
        elif last[VALID_TO.name] < state[VALID_FROM.name]:
            change = "came back"
        else:
            changed = [name for name in columns if state[name] != last[name]]
            change = ", ".join(f"{name} {_text(last[name])} -> {_text(state[name])}" for name in changed)
        before[key] = state
        until = _text(state[VALID_TO.name]) if state[VALID_TO.name] else "now"
        named = f"{', '.join(map(str, key[1:]))}: " if key[1:] else ""
        yield f"  {_text(state[VALID_FROM.name])} to {until}  {named}{change}"


def _by_key(name: str, rows: list[Row]) -> dict[tuple[Any, ...], Row]:
    from pipeline.model import table

    return {tuple(row[column] for column in table(name).key): row for row in rows}


def _text(value: Any) -> str:
    from pipeline.lake.run_record import text_of

    return text_of(value) if isinstance(value, datetime) else str(value)
