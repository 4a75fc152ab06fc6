"""`--metrics-file`: writes for Prometheus how a run ended, whether it succeeded or not."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pipeline.errors import BusyError, ReklakeError, UsageError

if TYPE_CHECKING:
    from pipeline.jobs.run_context import RunResult
    from pipeline.lake import Lake
    from pipeline.settings import Settings


class RunMetrics:
    """The metrics file of one run, as a context manager around all of it; without a path it does nothing.

    If the block raises, the file reports a failed run, even if the settings are wrong and no run began: cron looks at
    no exit code. The file is left unchanged only if another writer holds the lake; it then grows old, which an alert
    is for. UsageError on entering if the file cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self.settings: Settings | None = None
        """The settings of the run, as soon as they are known."""
        self._path = path
        self._began_at = datetime.now(UTC)

    def __enter__(self) -> Self:
        if self._path is not None:
            from pipeline.jobs import metrics_file

            metrics_file.check(self._path)
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if self._path is not None and error is not None and not isinstance(error, BusyError):
            self._write_failure(self._path)

    def write(self, result: RunResult) -> RunResult:
        """Write the result of a run, and return it; with a warning if the file cannot be written."""
        if self._path is None or self.settings is None:
            return result
        from pipeline.jobs import metrics_file

        try:
            metrics_file.write(self._path, metrics_file.text(result, _lake(self.settings)))
        except UsageError as error:
            warnings = [result.warning] if result.warning else []
            return replace(result, warning="; and ".join([*warnings, str(error)]))
        return result

    def _write_failure(self, path: Path) -> None:
        from pipeline.jobs import metrics_file

        lake = None
        with suppress(ReklakeError, OSError):  # the failure may be that the lake cannot be opened
            if self.settings and (opened := _lake(self.settings)).exists():
                lake = opened
        try:
            metrics_file.write(path, metrics_file.text_of_failure(lake, self._began_at))
        except UsageError as error:  # the error that ends the run is the one to raise
            sys.stderr.write(f"reklake: {error}\n")


def _lake(settings: Settings) -> Lake:
    from pipeline.lake import open_lake

    return open_lake(settings.lake, settings.aws.profile)
