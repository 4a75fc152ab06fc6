"""The metrics of real runs: what a lake says of itself after syncs that changed something, nothing, or failed."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.emulator import Fault
from pipeline.jobs import metrics_file as metrics
from pipeline.lake import LocalLake
from tests.unit.test_metrics import one, parse

HERE = {"account_id": "111122223333", "region": "us-east-1"}
LISTED = "reklake_scope_last_complete_timestamp_seconds"


def test_syncs_that_find_nothing_changed_keep_a_scope_fresh(serve):
    served = serve()
    lake = LocalLake(served.lake)
    first = parse(metrics.text(served.sync(), lake))
    again = served.sync()
    assert not again.is_published
    second = parse(metrics.text(again, lake))
    assert second["reklake_rows"] == first["reklake_rows"]
    assert one(second, "reklake_rows", table="projects") > 0
    assert one(second, LISTED, **HERE) > one(first, LISTED, **HERE)
    assert one(second, "reklake_scopes_stale") == 0
    assert one(second, "reklake_api_calls") > 0
    success = "reklake_last_success_timestamp_seconds"
    assert one(second, success) == one(second, "reklake_last_run_timestamp_seconds") > one(first, success)


def test_a_scope_that_fails_keeps_its_last_instant(serve):
    served = serve()
    lake = LocalLake(served.lake)
    before = parse(metrics.text(served.sync(), lake))
    failed = serve(lake=served.lake, faults=[Fault("access_denied")]).sync()
    after = parse(metrics.text(failed, lake))
    assert one(after, "reklake_scope_failed", **HERE, error_kind="denied") == 1
    assert one(after, "reklake_last_run_outcome", outcome="failed") == 1
    assert one(after, LISTED, **HERE) == one(before, LISTED, **HERE)
    assert one(after, "reklake_scopes_stale") == 1
    assert after["reklake_rows"] == before["reklake_rows"]
    began = datetime.now(UTC)
    assert parse(metrics.text_of_failure(lake, began))["reklake_rows"] == before["reklake_rows"]
