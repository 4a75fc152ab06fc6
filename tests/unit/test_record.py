from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from pipeline.errors import LakeError, ScopeError
from pipeline.lake import LocalLake
from pipeline.lake.run_record import Outcome, RunRecord, ScopeRecord
from pipeline.model.page import Scope


def test_a_record_is_written_as_it_reads(tmp_path: Path):
    run = RunRecord.begin("sync", {"regions": ["us-east-1"]})
    scope = ScopeRecord.of(Scope("us-east-1", "111122223333"))
    scope.fail(ScopeError("no such luck", kind="denied"))
    run.scopes.append(scope)
    with run.timed("extract"):
        pass
    run.end(Outcome.FAILED, "nothing")
    run.write(LocalLake(tmp_path))
    found = json.loads((tmp_path / "runs" / f"{run.run_id}.json").read_text())
    assert found["outcome"] == "failed"
    assert found["scopes"][0]["error_kind"] == "denied"
    assert found["scopes"][0]["error"] == "no such luck"
    assert found["seconds"]["extract"] >= 0
    assert found["software"]["reklake"]
    assert datetime.fromisoformat(found["started_at"]) <= datetime.fromisoformat(found["ended_at"])
    assert found["started_at"].endswith("Z")


def test_run_ids_sort_by_time_and_differ():
    ids = [RunRecord.begin("sync", {}).run_id for _ in range(50)]
    assert len(set(ids)) == 50
    assert ids == sorted(ids)
    assert all(len(run_id) == len("20260101T000000Z-abcdef01") for run_id in ids)


def test_an_error_that_is_not_of_a_scope_is_a_bad_answer():
    scope = ScopeRecord.of(Scope("us-east-1", "111122223333"))
    scope.fail(LakeError("odd"))
    assert (scope.outcome, scope.error_kind) == (Outcome.FAILED, "bad_answer")
