"""What holds for every test: which libraries are tested is said, and nothing is skipped in silence."""

from __future__ import annotations

import os
import signal

import duckdb
import pyarrow as pa
import pytest

from tests.models import read_once


def pytest_configure() -> None:
    # a shell lets what it starts in the background ignore it, and so would the commands that tests start and interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)
    read_once()


def pytest_report_header() -> str:
    return f"duckdb {duckdb.__version__}, pyarrow {pa.__version__}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failure; -ra prints its reason."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and os.environ.get("CI") and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs end without lake.duckdb and data checks: most of a small one's time, for tests that look at neither."""
    monkeypatch.setattr("pipeline.jobs.run_context._check", lambda *_: ())
