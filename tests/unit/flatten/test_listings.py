from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from pipeline.flatten import Flat, flatten, flatten_detail
from pipeline.model import TABLES, table
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, DETAILS, RESULT_KEYS
from pipeline.model.page import RawPage, Scope

LISTINGS = (DESCRIBE_PROJECTS, DESCRIBE_PROJECT_VERSIONS)
SCOPE = Scope("us-east-1", "111122223333")
STAGES = ("input", "output", "validation")
SEEN = datetime(2026, 1, 1, tzinfo=UTC)
PROJECT = "arn:aws:rekognition:us-east-1:111122223333:project/cats/1690405809285"
VERSION = "arn:aws:rekognition:us-east-1:111122223333:project/cats/version/v1/1690556751958"


def page(body: Any, number: int = 1, project: str = PROJECT, operation: str = DESCRIBE_PROJECT_VERSIONS) -> RawPage:
    if not isinstance(body, bytes):
        body = json.dumps({RESULT_KEYS[operation]: body}).encode()
    return RawPage(operation, project, 1, number, 200, SEEN, "id", body)


def versions(*described: Any, **more: Any) -> Flat:
    return flatten(DESCRIBE_PROJECT_VERSIONS, SCOPE, [page(list(described), **more)])


def only_row(flat: Flat, name: str = "project_versions") -> dict[str, Any]:
    (row,) = flat.tables[name].to_pylist()
    return row


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1690556751.958", datetime(2023, 7, 28, 15, 5, 51, 958000, UTC)),
        ("1.690556751958E9", datetime(2023, 7, 28, 15, 5, 51, 958000, UTC)),
        ("1690556751", datetime(2023, 7, 28, 15, 5, 51, 0, UTC)),
        ("1690556751.9999999", datetime(2023, 7, 28, 15, 5, 52, 0, UTC)),  # rounded, not cut
        ("1690556751.9580014", datetime(2023, 7, 28, 15, 5, 51, 958001, UTC)),
        ("1690556751.9580017", datetime(2023, 7, 28, 15, 5, 51, 958002, UTC)),
        ("-0.5", datetime(1969, 12, 31, 23, 59, 59, 500000, UTC)),
        ("253402300799", datetime(9999, 12, 31, 23, 59, 59, 0, UTC)),
    ],
)
def test_timestamps_to_the_nearest_microsecond(text: str, expected: datetime):
    body = f'{{"ProjectVersionDescriptions":[{{"ProjectVersionArn":"{VERSION}","CreationTimestamp":{text}}}]}}'
    flat = flatten(DESCRIBE_PROJECT_VERSIONS, SCOPE, [page(body.encode())])
    assert only_row(flat)["created_at"] == expected


def test_every_microsecond_of_a_second_survives():
    start = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    instants = [start + timedelta(microseconds=at) for at in range(0, 1_000_000, 997)]
    described = [
        {"ProjectVersionArn": f"{VERSION}{at:07}", "CreationTimestamp": instant.timestamp()}
        for at, instant in enumerate(instants)
    ]
    assert versions(*described).tables["project_versions"].column("created_at").to_pylist() == instants


@pytest.mark.parametrize("seconds", [0, 1, 2**31, 2**53 + 1, 2**63 - 1])
def test_billable_seconds_are_exact_to_the_end_of_their_range(seconds: int):
    flat = versions({"ProjectVersionArn": VERSION, "BillableTrainingTimeInSeconds": seconds})
    assert only_row(flat)["billable_training_seconds"] == seconds
    assert flat.unknown == 0


@pytest.mark.parametrize(
    ("member", "column", "value", "kept"),
    [
        ("BillableTrainingTimeInSeconds", "billable_training_seconds", 3.0, 3),
        ("BillableTrainingTimeInSeconds", "billable_training_seconds", 1e3, 1000),
        ("MinInferenceUnits", "min_inference_units", 2.0, 2),
    ],
)
def test_whole_numbers_written_as_fractions_are_whole_numbers(member: str, column: str, value: float, kept: int):
    flat = versions({"ProjectVersionArn": VERSION, member: value})
    assert only_row(flat)[column] == kept
    assert only_row(flat)["extra"] is None


@pytest.mark.parametrize(
    ("member", "column", "value"),
    [
        ("BillableTrainingTimeInSeconds", "billable_training_seconds", 2**63),
        ("BillableTrainingTimeInSeconds", "billable_training_seconds", 1.5),
        ("MinInferenceUnits", "min_inference_units", 2**63),
        ("Status", "status", 7),
        ("Status", "status", {"Code": "RUNNING"}),
        ("CreationTimestamp", "created_at", "2026-01-01T00:00:00Z"),
        ("CreationTimestamp", "created_at", 1e300),
        ("CreationTimestamp", "created_at", True),
        ("StatusMessage", "status_message", "\ud800"),
        ("OutputConfig", "output_bucket", "s3://bucket"),
    ],
)
def test_what_does_not_fit_its_column_goes_to_extra_and_is_counted(member: str, column: str, value: Any):
    flat = versions({"ProjectVersionArn": VERSION, member: value})
    assert only_row(flat)[column] is None
    assert json.loads(only_row(flat)["extra"]) == {member: value}
    assert flat.unknown == 1
    assert flat.problems == ()


def test_unknown_members_go_to_the_extra_of_the_row_they_belong_to():
    flat = versions(
        {
            "ProjectVersionArn": VERSION,
            "Novelty": {"Depth": [1, None]},
            "EvaluationResult": {"F1Score": 0.5, "Recall": 0.25},
            "TrainingDataResult": {
                "Input": {
                    "Origin": "dataset",
                    "Assets": [{}, {"GroundTruthManifest": {"S3Object": {"Bucket": "b"}, "Kind": 1}}],
                }
            },
        }
    )
    row = only_row(flat)
    assert row["f1_score"] == 0.5
    assert json.loads(row["extra"]) == {
        "Novelty": {"Depth": [1, None]},
        "EvaluationResult": {"Recall": 0.25},
        "TrainingDataResult": {"Input": {"Origin": "dataset"}},
    }
    empty_asset, asset = flat.tables["version_assets"].to_pylist()
    assert (empty_asset["asset_index"], empty_asset["bucket"], empty_asset["extra"]) == (0, None, None)
    assert (asset["asset_index"], asset["bucket"]) == (1, "b")
    assert json.loads(asset["extra"]) == {"GroundTruthManifest": {"Kind": 1}}
    assert flat.unknown == 4


def test_a_member_named_like_our_own_cannot_pose_as_extra():
    flat = versions({"ProjectVersionArn": VERSION, "reklake:extra": "forged"})
    assert json.loads(only_row(flat)["extra"]) == {"reklake:extra": "forged"}


def test_of_an_item_on_two_pages_the_later_page_counts():
    pages = [
        page([{"ProjectVersionArn": VERSION, "Status": status}], number)
        for number, status in ((1, "RUNNING"), (2, "STOPPED"))
    ]
    for order in (pages, pages[::-1]):
        flat = flatten(DESCRIBE_PROJECT_VERSIONS, SCOPE, order)
        assert only_row(flat)["status"] == "STOPPED"


def test_assets_are_numbered_within_their_list():
    def assets(*buckets: str) -> dict[str, Any]:
        return {"Assets": [{"GroundTruthManifest": {"S3Object": {"Bucket": bucket}}} for bucket in buckets]}

    flat = versions(
        {
            "ProjectVersionArn": f"{VERSION}2",
            "TestingDataResult": {"Output": assets("c", "a"), "Validation": {"Assets": None}},
        },
        {
            "ProjectVersionArn": f"{VERSION}1",
            "TrainingDataResult": {"Input": assets("x"), "Output": assets("y")},
        },
        {"ProjectVersionArn": f"{VERSION}3", "TrainingDataResult": {"Input": {"Assets": []}}},
    )
    found = [
        (row["project_version_arn"][-1], row["data_result"], row["stage"], row["asset_index"], row["bucket"])
        for row in flat.tables["version_assets"].to_pylist()
    ]
    assert found == [
        ("1", "training", "input", 0, "x"),
        ("1", "training", "output", 0, "y"),
        ("2", "testing", "output", 0, "c"),
        ("2", "testing", "output", 1, "a"),
    ]
    counted = [
        [row[f"{data_result}_{stage}_count"] for data_result in ("training", "testing") for stage in STAGES]
        for row in flat.tables["project_versions"].to_pylist()
    ]
    assert counted == [[1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 2, 0], [0, 0, 0, 0, 0, 0]]


def test_names_come_out_of_arns_and_are_null_where_an_arn_has_none():
    flat = versions({"ProjectVersionArn": "arn:strange"}, {"ProjectVersionArn": VERSION})
    strange, usual = sorted(
        flat.tables["project_versions"].to_pylist(), key=lambda row: -len(row["project_version_arn"])
    )[::-1]
    assert (usual["project_name"], usual["version_name"]) == ("cats", "v1")
    assert (strange["project_name"], strange["version_name"]) == (None, None)
    assert usual["project_arn"] == PROJECT


def test_projects_that_vanished_are_left_out_with_their_datasets():
    described = [
        {"ProjectArn": PROJECT, "Datasets": [{"DatasetArn": f"{PROJECT}/d1"}]},
        {"ProjectArn": f"{PROJECT}9", "Datasets": [{"DatasetArn": f"{PROJECT}/d2"}]},
    ]
    flat = flatten(DESCRIBE_PROJECTS, SCOPE, [page(described, 1, "", DESCRIBE_PROJECTS)], deleted={f"{PROJECT}9"})
    assert [row["project_arn"] for row in flat.tables["projects"].to_pylist()] == [PROJECT]
    assert [row["dataset_arn"] for row in flat.tables["datasets"].to_pylist()] == [f"{PROJECT}/d1"]


def test_raw_line_breaks_inside_a_body_do_no_harm():
    body = b'{\r\n "ProjectVersionDescriptions": [\n  {"ProjectVersionArn": "%s"}\r\n ]\n}\n' % VERSION.encode()
    flat = flatten(DESCRIBE_PROJECT_VERSIONS, SCOPE, [page(body), page([], 2)])
    assert only_row(flat)["project_version_arn"] == VERSION
    assert flat.problems == ()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "is not JSON"),
        (b"<html>502</html>", "is not JSON"),
        (b'{"ProjectVersionDescriptions":[', "is not JSON"),
        (b'{"ProjectVersionDescriptions":[]}{"ProjectVersionDescriptions":[]}', "is not JSON"),
        (b'{"ProjectVersionDescriptions":[{"ProjectVersionArn":"\xff"}]}', "is not JSON in UTF-8"),
        (
            b'{"ProjectVersionDescriptions":[{"ProjectVersionArn":"a","EvaluationResult":{"F1Score":NaN}}]}',
            "NaN",
        ),
        (
            b'{"ProjectVersionDescriptions":[{"ProjectVersionArn":"a","MinInferenceUnits":' + b"9" * 5000 + b"}]}",
            "is not JSON",
        ),
        (b'{"ProjectVersionDescriptions":' + b"[" * 100_000, "is not JSON"),
        (b"[]", "is a list, not a JSON object"),
        (b"{}", "has no ProjectVersionDescriptions"),
        (b'{"ProjectVersionDescriptions":null}', "is null, not a list"),
        (
            b'{"ProjectVersionDescriptions":[7]}',
            "item 0 of ProjectVersionDescriptions has no ProjectVersionArn",
        ),
        (b'{"ProjectVersionDescriptions":[{"Status":"RUNNING"}]}', "has no ProjectVersionArn"),
    ],
)
def test_a_bad_page_is_named_and_the_pages_beside_it_are_kept(body: bytes, message: str):
    good = page([{"ProjectVersionArn": VERSION}], 2)
    bad = page(body, 3, f"{PROJECT}7")
    flat = flatten(DESCRIBE_PROJECT_VERSIONS, SCOPE, [bad, good])
    assert only_row(flat)["project_version_arn"] == VERSION
    (problem,) = flat.problems
    for detail in (message, "account 111122223333", "region us-east-1", f"{PROJECT}7", "page 3"):
        assert detail in str(problem)


def test_no_pages_give_typed_tables_without_rows():
    flats = [flatten(operation, SCOPE, []) for operation in LISTINGS]
    flats += [flatten_detail(operation, SCOPE, []) for operation in DETAILS.values()]
    for flat in flats:
        for name, rows in flat.tables.items():
            assert rows.num_rows == 0
            assert rows.schema.equals(table(name).schema, check_metadata=True)
    assert {name for flat in flats for name in flat.tables} == {table.name for table in TABLES}


def test_more_pages_than_a_batch_keep_their_own_projects():
    pages = [page([{"ProjectVersionArn": f"{VERSION}{n:03}"}], 1, f"arn:p{n:03}") for n in range(37)]
    rows = flatten(DESCRIBE_PROJECT_VERSIONS, SCOPE, pages).tables["project_versions"]
    assert rows.column("project_arn").to_pylist() == [f"arn:p{n:03}" for n in range(37)]
    assert isinstance(rows, pa.Table)


def test_without_takes_versions_and_what_is_nested_in_them():
    asset = {"TrainingDataResult": {"Input": {"Assets": [{}]}}}
    flat = versions(*({"ProjectVersionArn": f"{VERSION}{n}", **asset} for n in range(3)))
    left = flat.without(pa.array([f"{VERSION}1", f"{VERSION}0", "other"]))
    for rows in left.tables.values():
        assert rows.column("project_version_arn").to_pylist() == [f"{VERSION}2"]
    assert left.arns.to_pylist() == [f"{VERSION}2"]


def test_ordinary_pages_need_no_careful_reading(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.flatten.lenient_json.clean", lambda *_: pytest.fail("read with care"))
    described = {
        "ProjectVersionArn": VERSION,
        "CreationTimestamp": 1690556751.958,
        "EvaluationResult": {"F1Score": 1},
        "TrainingDataResult": {"Input": {}, "Output": {"Assets": [{}]}},
        "KmsKeyId": None,
    }
    assert only_row(versions(described))["f1_score"] == 1.0
    for operation in LISTINGS:
        assert flatten(operation, SCOPE, [page([], 1, "", operation)]).problems == ()
    project = {"ProjectArn": PROJECT, "Datasets": [{"DatasetArn": "a"}, {"DatasetArn": "b"}]}
    assert flatten(DESCRIBE_PROJECTS, SCOPE, [page([project], 1, "", DESCRIBE_PROJECTS)]).unknown == 0


def test_only_the_batch_with_the_odd_page_is_read_with_care(monkeypatch: pytest.MonkeyPatch):
    from pipeline.flatten import fast_json, lenient_json

    real, cleaned = lenient_json.clean, []
    monkeypatch.setattr(fast_json, "BATCH_PAGES", 10)
    monkeypatch.setattr(lenient_json, "clean", lambda body, answer: cleaned.append(body) or real(body, answer))
    described = [{"ProjectVersionArn": f"{VERSION}{n:02}", "VersionDescription": 'a "word"'} for n in range(35)]
    described[12]["Status"] = 1
    pages = [page([item], n) for n, item in enumerate(described)]
    flat = flatten(DESCRIBE_PROJECT_VERSIONS, SCOPE, pages)
    assert cleaned == [page.body for page in pages[10:20]]
    extras = flat.tables["project_versions"].column("extra").to_pylist()
    assert [at for at, extra in enumerate(extras) if extra] == [12]
    assert (flat.unknown, flat.is_lenient) == (1, True)
    assert not flatten(DESCRIBE_PROJECT_VERSIONS, SCOPE, pages[:10]).is_lenient
