"""`--metrics-file`: how a run ended, written for Prometheus whether it ended well or not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import BusyError, ReklakeError, UsageError

if TYPE_CHECKING:
    from pipeline.jobs.run_context import Result
    from pipeline.lake import Lake
    from pipeline.settings import Settings


class Measures:
    """What there is to write of a run: its result or, as long as it has none, that it failed."""

    def __init__(self, path: Path | None) -> None:
        self.settings: Settings | None = None
        """Of the run, once they are known."""
        self._path = path
        self._began_at = datetime.now(UTC)

    def take(self, result: Result) -> Result:
        """Write a result, and return it with a warning if that fails: the run is over, and stands."""
        if self._path is None or self.settings is None:
            return result
        from pipeline.jobs import metrics_file as metrics

        try:
            metrics.write(self._path, metrics.text(result, _lake(self.settings)))
        except UsageError as error:
            warnings = [result.warning] if result.warning else []
            return replace(result, warning="; and ".join([*warnings, str(error)]))
        return result

    def fail(self) -> None:
        """Write that there is no result; if not even that can be, the error at hand is still the one to tell."""
        if self._path is None:
            return
        from pipeline.jobs import metrics_file as metrics

        lake = None
        with suppress(ReklakeError, OSError):  # it may be the lake that cannot be opened
            opened = _lake(self.settings) if self.settings else None
            lake = opened if opened and opened.exists() else None
        try:
            metrics.write(self._path, metrics.text_of_failure(lake, self._began_at))
        except UsageError as error:
            sys.stderr.write(f"reklake: {error}\n")


@contextmanager
def measured(path: Path | None) -> Iterator[Measures]:
    """Give what takes a run's result; if the block raises, the file tells of a failure.

    Also of one before the run: who has named the file in a crontab looks nowhere else. Not if another writer has the
    lake: the file then stays that of the last run, and grows old if the other one never ends.

    UsageError before anything is done if the file cannot be written.
    """
    if path is not None:
        from pipeline.jobs import metrics_file as metrics

        metrics.check(path)
    measures = Measures(path)
    try:
        yield measures
    except BusyError:
        raise
    except BaseException:  # also when it is stopped: who watches the file should know
        measures.fail()
        raise


def _lake(settings: Settings) -> Lake:
    from pipeline.lake import open_lake

    return open_lake(settings.lake, settings.aws.profile)
