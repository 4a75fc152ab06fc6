"""`--metrics-file`: how a run ended, written for Prometheus whether it ended well or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import ReklakeError

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from pipeline.storage import Lake
    from pipeline.writing import Result


@contextmanager
def measured(path: Path | None, settings: Settings) -> Iterator[Callable[[Result], None]]:
    """Give what writes a run's result to the file; if the block raises, the file tells of a failure.

    UsageError before anything is done if the file cannot be written.
    """
    if path is None:
        yield lambda _: None
        return
    from pipeline import metrics

    metrics.check(path)
    began_at = datetime.now(UTC)
    try:
        yield lambda result: metrics.write(path, metrics.text(result, _lake(settings)))
    except BaseException:  # also when it is stopped: who watches the file should know
        lake = None
        with suppress(ReklakeError, OSError):  # it may be the lake that cannot be opened
            lake = _lake(settings)
        metrics.write(path, metrics.text_of_failure(lake if lake and lake.exists() else None, began_at))
        raise


def _lake(settings: Settings) -> Lake:
    from pipeline.storage import open_lake

    return open_lake(settings.lake, settings.aws.profile)
