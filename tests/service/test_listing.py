"""What the service really does while it is listed, over HTTP: nothing may be lost, doubled or believed too soon."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest

from pipeline.emulator import Fault, StaticWorld
from pipeline.errors import UsageError
from pipeline.lake.run_record import Outcome
from tests.service.conftest import Served
from tests.service.worlds import names, project, rows, version, version_names, world

pytestmark = pytest.mark.usefixtures("unchecked")

Serve = Callable[..., Served]
VERSIONS, PROJECTS = "DescribeProjectVersions", "DescribeProjects"


def only_scope(result):
    (scope,) = result.record.scopes
    return scope


@pytest.mark.parametrize("count", [0, 1, 2, 99, 100, 101, 200, 250])
def test_every_version_is_listed_whatever_their_number(serve: Serve, count: int):
    served = serve(world(cats=count))
    result = served.sync()
    assert result.record.outcome is Outcome.COMPLETE
    assert version_names(served.lake) == {"cats": names(count)}


def test_more_projects_than_a_page_holds(serve: Serve):
    served = serve(world(**{f"p{number:03}": 1 for number in range(205)}))
    served.sync()
    assert len(rows(served.lake, "projects")) == 205
    assert len(rows(served.lake, "project_versions")) == 205


def test_adapters_are_listed_too(serve: Serve):
    adapter = project("nsfw", Feature="CONTENT_MODERATION", AutoUpdate="ENABLED")
    served = serve(StaticWorld({("111122223333", "us-east-1"): [(adapter, [version(adapter, "v1")])]}))
    served.sync()
    assert [one["feature"] for one in rows(served.lake, "projects")] == ["CONTENT_MODERATION"]
    assert len(rows(served.lake, "project_versions")) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("throttle", every=2),
        Fault("throttle_500", every=2),
        Fault("provisioned_throughput", every=2),
        Fault("internal_error", nth=3),
        Fault("cut_body", every=2),
        Fault("html", every=2),
        Fault("short_body", nth=2),
        Fault("reset", nth=2),
        Fault("empty_page_with_token", every=2),
        Fault("empty_token"),
        Fault("repeat_item", operation=VERSIONS),
        Fault("repeat_item", operation=PROJECTS),
        Fault("expired_token", operation=VERSIONS, page=3),
        Fault("expired_token", operation=PROJECTS, page=2),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.operation or 'any'}",
)
def test_a_passing_fault_costs_no_row(serve: Serve, fault: Fault):
    sizes = {f"p{number:03}": 1 for number in range(101)} | {"big": 250}
    served = serve(world(**sizes), faults=[fault])
    result = served.sync(rate=10_000)  # throttles slow it down to a sixteenth
    assert only_scope(result).error is None
    assert version_names(served.lake) == {name: names(count) for name, count in sizes.items()}


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (Fault("throttle", operation=VERSIONS), "throttled", "lower --rate"),
        (Fault("access_denied", operation=PROJECTS), "denied", "Allow rekognition:DescribeProjects"),
        (Fault("internal_error", operation=VERSIONS), "service", "InternalServerError"),
        (Fault("cut_body", operation=VERSIONS, page=2), "bad_answer", "DescribeProjectVersions page 2"),
        (Fault("html", operation=PROJECTS), "bad_answer", "starts '<"),
        (Fault("reset", operation=VERSIONS), "unreachable", "cannot be reached"),
        (Fault("repeat_token", operation=VERSIONS, page=2), "bad_answer", "would never end"),
        (Fault("expired_token", operation=VERSIONS, times=99), "service", "InvalidPaginationTokenException"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_a_lasting_fault_fails_the_scope_and_says_where(serve: Serve, fault: Fault, kind: str, said: str):
    served = serve(world(cats=250), faults=[fault])
    result = served.sync(max_attempts=3, patience=0.3)
    scope = only_scope(result)
    assert (scope.outcome, scope.error_kind) == (Outcome.FAILED, kind)
    for detail in ("111122223333", "us-east-1", said):
        assert detail in scope.error
    if fault.operation == VERSIONS:
        assert "project/cats" in scope.error
    assert result.record.outcome is Outcome.FAILED
    assert not (served.lake / "CURRENT").exists()


def test_a_cut_body_is_asked_for_again_rather_than_taken_for_the_end(serve: Serve):
    served = serve(world(cats=250), faults=[Fault("cut_body", operation=VERSIONS, page=2, times=2)])
    result = served.sync()
    assert version_names(served.lake) == {"cats": names(250)}
    assert only_scope(result).retries == 2
    assert served.calls(VERSIONS) == 5


def test_a_project_that_vanishes_is_a_deletion(serve: Serve):
    served = serve(world(cats=2, dogs=150), faults=[Fault("vanished", project="dogs", page=2)])
    result = served.sync()
    assert result.record.outcome is Outcome.COMPLETE
    assert version_names(served.lake) == {"cats": names(2)}


def test_an_expired_token_lists_that_project_again_and_only_that(serve: Serve):
    served = serve(world(cats=250, dogs=250), faults=[Fault("expired_token", project="dogs", page=3)])
    served.sync()
    assert version_names(served.lake) == {"cats": names(250), "dogs": names(250)}
    assert served.calls(VERSIONS) == 3 + 3 + 3  # cats; dogs up to the expired call; dogs again
    assert served.calls(PROJECTS) == 1


def test_a_cycle_of_tokens_ends_in_an_error(serve: Serve):
    one = version(project("cats"), "v1")

    def page(token: str) -> bytes:
        return json.dumps({"ProjectVersionDescriptions": [one], "NextToken": token}).encode()

    faults = [Fault("raw_body", operation=VERSIONS, nth=number, body=page("ab"[number % 2])) for number in range(1, 9)]
    scope = only_scope(serve(world(cats=1), faults=faults).sync())
    assert scope.error_kind == "bad_answer"
    assert "would never end" in scope.error


def test_the_body_is_landed_as_it_came(serve: Serve):
    import pyarrow.parquet as pq

    one = project("cats")
    body = '{ "ProjectVersionDescriptions" : [],\r\n "Größe": 1.50, "NextToken": null}'.encode()
    served = serve(
        StaticWorld({("111122223333", "us-east-1"): [(one, [])]}),
        faults=[Fault("raw_body", operation=VERSIONS, body=body)],
    )
    result = served.sync()
    (file,) = (served.lake / "raw" / result.record.run_id).iterdir()
    landed = pq.read_table(file).to_pylist()
    assert [page["operation"] for page in landed] == [PROJECTS, VERSIONS]
    assert landed[1]["body"] == body
    assert landed[1]["project_arn"] == one["ProjectArn"]
    assert landed[1]["request_id"] == served.endpoint.calls[-1].request_id


def test_half_a_surrogate_pair_is_kept_in_extra(serve: Serve):
    one = version(project("cats"), "v1")
    body = json.dumps({"ProjectVersionDescriptions": [{**one, "StatusMessage": "cut in mid-emoji \ud83d"}]}).encode()
    served = serve(world(cats=1), faults=[Fault("raw_body", operation=VERSIONS, body=body)])
    assert served.sync().record.outcome is Outcome.COMPLETE
    (row,) = rows(served.lake, "project_versions")
    assert row["status_message"] is None
    assert json.loads(row["extra"]) == {"StatusMessage": "cut in mid-emoji \ud83d"}


@pytest.mark.parametrize("item", [7, None, {"Status": "CREATED"}, {"ProjectArn": ""}, {"ProjectArn": 7}])
def test_nonsense_among_projects_fails_alone(serve: Serve, item: object):
    cats = project("cats")
    body = json.dumps({"ProjectDescriptions": [item, cats]}).encode()
    served = serve(world(cats=3), faults=[Fault("raw_body", operation=PROJECTS, body=body)])
    result = served.sync()
    assert result.record.outcome is Outcome.PARTIAL
    assert "DescribeProjects page 1: item 0 of ProjectDescriptions has no ProjectArn" in only_scope(result).error
    assert version_names(served.lake) == {"cats": names(3)}


def test_an_arn_that_cannot_be_asked_for_is_one_clear_line(serve: Serve):
    body = json.dumps({"ProjectDescriptions": [{"ProjectArn": "nonsense"}]}).encode()
    scope = only_scope(serve(world(), faults=[Fault("raw_body", operation=PROJECTS, body=body)]).sync())
    assert scope.error_kind == "bad_answer"
    assert "project nonsense" in scope.error
    assert "\n" not in scope.error


def test_a_failure_in_mid_listing_names_its_page(serve: Serve):
    served = serve(world(cats=250), faults=[Fault("access_denied", operation=VERSIONS, page=3)])
    assert "project/cats/1690405809285, DescribeProjectVersions page 3: AccessDenied" in only_scope(served.sync()).error


def test_a_failure_stops_the_listings_beside_it(serve: Serve):
    sizes = {f"p{number:02}": 100 for number in range(40)}
    served = serve(world(**sizes), page_size=10, latency=0.02, faults=[Fault("access_denied", project="p00", page=2)])
    served.sync(in_flight=4)
    assert served.calls(VERSIONS) < 100  # of 400


@pytest.mark.parametrize("status", [200, 500])
def test_an_sts_that_makes_no_sense_is_one_clear_error(serve: Serve, monkeypatch: pytest.MonkeyPatch, status: int):
    from werkzeug import Response
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, Response("<html>sorry", status))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        served = serve(StaticWorld({}))
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        with pytest.raises(UsageError, match="STS does not say whose credentials these are"):
            served.sync()
        result = served.sync(accounts=["111122223333", "444455556666"], role="Reader")
        assert [scope.outcome for scope in result.record.scopes] == [Outcome.FAILED, Outcome.FAILED]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_project_page_that_cannot_be_parsed_fails_its_scope_only(serve: Serve):
    body = b'{"ProjectDescriptions":[{"ProjectArn":"a","Size":' + b"9" * 5000 + b"}]}"
    faults = [Fault("raw_body", operation=PROJECTS, region="eu-west-1", body=body)]
    result = serve(world(cats=2), faults=faults).sync(regions=["us-east-1", "eu-west-1"], max_attempts=2)
    assert result.record.outcome is Outcome.PARTIAL
    failed = next(scope for scope in result.record.scopes if scope.outcome is Outcome.FAILED)
    assert (failed.region, failed.error_kind) == ("eu-west-1", "bad_answer")
    assert "DescribeProjects page 1" in failed.error
