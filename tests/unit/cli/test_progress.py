"""What a run tells where there is no live view: a line an event, for machines or for people."""

from __future__ import annotations

import json

import pytest

from pipeline.cli import progress
from pipeline.cli.options import LogFormat
from pipeline.cli.progress import watching
from pipeline.extract import Reading
from pipeline.jobs.events import Event, Outlook
from pipeline.model.page import Scope

HERE = Scope("us-east-1", "111122223333")
NASTY = "no\x1b[2J\x9b1A\nthing \N{LINE SEPARATOR}größer \ud800"


def logged(capsys: pytest.CaptureFixture[str], form: LogFormat, *events: Event) -> list[str]:
    """The lines on stderr; stdout stays empty."""
    with watching(quiet=False, form=form) as observe:
        for event in events:
            observe(event)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith("\n")
    return said.err[:-1].split("\n")


@pytest.mark.parametrize("form", [LogFormat.json, LogFormat.text])
def test_what_aws_said_stays_on_its_line_and_cannot_move_the_cursor(capsys, form: LogFormat):
    (line,) = logged(capsys, form, Event("scope", HERE, NASTY))
    assert not {"\x1b", "\x9b", "\N{LINE SEPARATOR}"} & set(line)
    if form is LogFormat.json:
        assert json.loads(line)["detail"] == NASTY
    else:
        assert r"no\x1b[2J\x9b1A thing" in line
    assert "größer" in line


def test_a_scope_that_failed_is_a_warning_and_so_is_one_whose_detail_did(capsys):
    events = [
        Event("scope", HERE, "complete", is_whole=True, facts={"outcome": "complete", "tags": "complete"}),
        Event("scope", HERE, "complete", is_whole=True, facts={"outcome": "complete", "tags": "skipped"}),
        Event("scope", HERE, "complete", is_whole=True, facts={"outcome": "complete", "tags": "failed"}),
        Event("scope", HERE, "denied", facts={"outcome": "failed"}),
        Event("published", detail="1"),
    ]
    found = [json.loads(line)["level"] for line in logged(capsys, LogFormat.json, *events)]
    assert found == ["info", "info", "warning", "warning", "info"]


def test_pages_are_told_together_now_and_then(capsys, monkeypatch: pytest.MonkeyPatch):
    reading = Reading(2, {HERE: 40}, pages=38, versions=3_700, throttles=1, quota=15)
    start = Event("started", outlook=Outlook(7, {}, 5.0, lambda: reading))
    assert len(logged(capsys, LogFormat.json, start, *[Event("page", HERE)] * 100)) == 1
    monkeypatch.setattr(progress, "HEARTBEAT", -1.0)
    _, line = logged(capsys, LogFormat.json, start, Event("page", HERE))
    assert (
        json.loads(line).items()
        >= {
            "event": "progress",
            "scopes": 7,
            "running": 2,
            "calls": 40,
            "pages": 38,
            "versions": 3_700,
            "throttles": 1,
        }.items()
    )
    _, line = logged(capsys, LogFormat.text, start, Event("page", HERE))
    assert line.endswith("INFO progress: 3,700 versions on 38 pages so far")
