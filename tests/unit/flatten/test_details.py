"""Answers of details, odd ones too: nothing is lost, and what cannot be a row is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from pipeline.flatten import Flat, flatten_detail
from pipeline.model.operations import (
    DESCRIBE_DATASET,
    DETAILS,
    LIST_PROJECT_POLICIES,
    LIST_TAGS_FOR_RESOURCE,
    RESULT_KEYS,
)
from pipeline.model.page import RawPage, Scope

SCOPE = Scope("us-east-1", "111122223333")
SEEN = datetime(2026, 1, 1, tzinfo=UTC)
PROJECT = "arn:aws:rekognition:us-east-1:111122223333:project/cats/1690405809285"
DATASET = "arn:aws:rekognition:us-east-1:111122223333:project/cats/dataset/train/1690405809286"
VERSION = "arn:aws:rekognition:us-east-1:111122223333:project/cats/version/v1/1690556751958"
RESOURCES = {DESCRIBE_DATASET: DATASET, LIST_TAGS_FOR_RESOURCE: VERSION, LIST_PROJECT_POLICIES: PROJECT}


def page(operation: str, result: Any, number: int = 1, resource: str | None = None) -> RawPage:
    body = result if isinstance(result, bytes) else json.dumps({RESULT_KEYS[operation]: result}).encode()
    return RawPage(operation, PROJECT, 1, number, 200, SEEN, "id", body, resource or RESOURCES[operation])


def flat_of(operation: str, *results: Any) -> Flat:
    return flatten_detail(operation, SCOPE, [page(operation, result, at) for at, result in enumerate(results, 1)])


def rows(flat: Flat) -> list[dict[str, Any]]:
    ((_, table),) = flat.tables.items()
    table.validate(full=True)
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def policy(**members: Any) -> dict[str, Any]:
    return {"ProjectArn": PROJECT, "PolicyName": "share", **members}


def test_a_dataset_has_its_statistics():
    flat = flat_of(
        DESCRIBE_DATASET,
        {
            "CreationTimestamp": 1690405809.286,
            "LastUpdatedTimestamp": 1690405810,
            "Status": "UPDATE_COMPLETE",
            "StatusMessage": "ok",
            "StatusMessageCode": "SUCCESS",
            "DatasetStats": {"LabeledEntries": 3, "TotalEntries": 4, "TotalLabels": 2, "ErrorEntries": 0},
        },
    )
    assert rows(flat) == [
        {
            "account_id": "111122223333",
            "region": "us-east-1",
            "project_arn": PROJECT,
            "dataset_arn": DATASET,
            "created_at": datetime(2023, 7, 26, 21, 10, 9, 286000, UTC),
            "updated_at": datetime(2023, 7, 26, 21, 10, 10, 0, UTC),
            "status": "UPDATE_COMPLETE",
            "status_message": "ok",
            "status_message_code": "SUCCESS",
            "labeled_entries": 3,
            "total_entries": 4,
            "total_labels": 2,
            "error_entries": 0,
            "extra": None,
        }
    ]
    assert (flat.unknown, flat.problems) == (0, ())


@pytest.mark.parametrize(
    ("description", "unknown"),
    [
        ({"Novelty": [1, {"a": None}]}, 1),
        ({"DatasetStats": {"Skipped": 1, "TotalEntries": 2**63}}, 2),
        ({"DatasetStats": {"TotalEntries": 1.5}}, 1),
        ({"DatasetStats": {"TotalEntries": True}}, 1),
        ({"DatasetStats": "none"}, 1),
        ({"CreationTimestamp": "2026-01-01"}, 1),
        ({"CreationTimestamp": 1e300}, 1),
        ({"StatusMessage": "\ud800"}, 1),
        ({"reklake:extra": "forged"}, 1),
    ],
)
def test_what_no_column_holds_goes_to_extra_and_is_counted(description: Any, unknown: int):
    flat = flat_of(DESCRIBE_DATASET, description)
    (row,) = rows(flat)
    assert json.loads(row["extra"]) == description
    assert (flat.unknown, flat.problems) == (unknown, ())
    assert (row["total_entries"], row["created_at"], row["status_message"]) == (None, None, None)


@pytest.mark.parametrize("description", [{}, {"DatasetStats": None, "Status": None}, {"DatasetStats": {}}])
def test_a_dataset_of_which_nothing_is_said_is_a_row(description: Any):
    (row,) = rows(flat_of(DESCRIBE_DATASET, description))
    assert (row["dataset_arn"], row["total_entries"], row["extra"]) == (DATASET, None, None)


@pytest.mark.parametrize("entries", [0, 2**63 - 1, -(2**63), 3.0])
def test_numbers_are_exact_to_the_ends_of_their_range(entries: float):
    (row,) = rows(flat_of(DESCRIBE_DATASET, {"DatasetStats": {"TotalEntries": entries}}))
    assert row["total_entries"] == entries


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1690556751.9580014", datetime(2023, 7, 28, 15, 5, 51, 958001, UTC)),
        ("1690556751.9580017", datetime(2023, 7, 28, 15, 5, 51, 958002, UTC)),
        ("-0.5", datetime(1969, 12, 31, 23, 59, 59, 500000, UTC)),
        ("253402300799", datetime(9999, 12, 31, 23, 59, 59, 0, UTC)),
    ],
)
def test_timestamps_to_the_nearest_microsecond(text: str, expected: datetime):
    body = f'{{"DatasetDescription":{{"LastUpdatedTimestamp":{text}}}}}'.encode()
    assert rows(flat_of(DESCRIBE_DATASET, body))[0]["updated_at"] == expected


def test_tags_are_rows_and_know_what_they_are_on():
    pages = [
        page(LIST_TAGS_FOR_RESOURCE, tags, resource=resource)
        for resource, tags in ((VERSION, {"b": "2", "a": ""}), (DATASET, {}), (PROJECT, {"team": "vision"}))
    ]
    found = rows(flatten_detail(LIST_TAGS_FOR_RESOURCE, SCOPE, pages[::-1]))
    assert [(row["resource_type"], row["tag_key"], row["tag_value"]) for row in found] == [
        ("project", "team", "vision"),
        ("model version", "a", ""),
        ("model version", "b", "2"),
    ]
    assert {row["project_arn"] for row in found} == {PROJECT}
    assert {row["extra"] for row in found} == {None}


HOSTILE = [
    "",
    "\u0000",
    "a\nb|",
    "'; drop table x; --",
    "ä",
    "A\u0308",
    "😀",
    "reklake:extra",
    "key",
    "value",
    "\uffff",
    " ",
]


def test_hostile_keys_are_keys_like_any_other():
    found = rows(flat_of(LIST_TAGS_FOR_RESOURCE, {key: key[::-1] for key in HOSTILE}))
    assert [row["tag_key"] for row in found] == sorted(HOSTILE)
    assert all(row["tag_value"] == row["tag_key"][::-1] for row in found)
    assert [key.encode() for key in sorted(HOSTILE)] == sorted(key.encode() for key in HOSTILE)  # Arrow sorts bytes


@pytest.mark.parametrize("value", [1, 1.5, True, ["a"], {"b": None}, "\udfff"])
def test_a_value_that_is_no_text_is_not_lost(value: Any):
    flat = flat_of(LIST_TAGS_FOR_RESOURCE, {"k": value, "l": "text", "m": None})
    odd, text, null = rows(flat)
    assert (odd["tag_value"], json.loads(odd["extra"])) == (None, {"value": value})
    assert (text["tag_value"], text["extra"]) == ("text", None)
    assert (null["tag_value"], null["extra"]) == (None, None)
    assert (flat.unknown, flat.problems) == (1, ())


def test_of_a_key_given_twice_the_last_counts():
    (row,) = rows(flat_of(LIST_TAGS_FOR_RESOURCE, b'{"Tags":{"k":"first","k":"last"}}'))
    assert row["tag_value"] == "last"


def test_a_policy_stays_as_it_was_given_and_of_two_the_later_page_counts():
    document = '{ "Version": "2012-10-17",\n "Statement": [] }'
    pages = [
        page(LIST_PROJECT_POLICIES, [policy(PolicyDocument="{}"), policy(PolicyName="z")], 1),
        page(LIST_PROJECT_POLICIES, [policy(PolicyDocument=document, PolicyRevisionId="0a", Owner="me")], 2),
    ]
    for order in (pages, pages[::-1]):
        flat = flatten_detail(LIST_PROJECT_POLICIES, SCOPE, order)
        later, other = rows(flat)
        assert (later["policy_document"], later["policy_revision_id"]) == (document, "0a")
        assert json.loads(later["extra"]) == {"Owner": "me"}
        assert (other["policy_name"], other["policy_document"]) == ("z", None)
        assert flat.unknown == 1


@pytest.mark.parametrize("operation", DETAILS.values())
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b"\xff", "is not JSON in UTF-8"),
        (b'{"DatasetDescription":NaN,"Tags":NaN,"ProjectPolicies":NaN}', "NaN"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is a list, not a JSON object"),
        (b"{}", "has no "),
        (b'{"DatasetDescription":null,"Tags":null,"ProjectPolicies":null}', "is null, not "),
        (b'{"DatasetDescription":[],"Tags":[{"Key":"a"}],"ProjectPolicies":{}}', ", not a"),
        (b'{"DatasetDescription":"a","Tags":"a","ProjectPolicies":[7]}', ", not an object"),
    ],
)
def test_a_bad_page_is_named_and_the_others_are_kept(operation: str, body: bytes, message: str):
    good = page(operation, [policy()] if operation == LIST_PROJECT_POLICIES else {"a": "b"}, 1)
    bad = page(operation, body, 2, f"{PROJECT}7")
    flat = flatten_detail(operation, SCOPE, [bad, good])
    assert len(rows(flat)) == 1
    (problem,) = flat.problems
    for detail in (
        message,
        "account 111122223333",
        "region us-east-1",
        f"{PROJECT}7",
        operation,
        "page 2",
        "Sync again",
    ):
        assert detail in str(problem)


@pytest.mark.parametrize(
    ("operation", "result", "message"),
    [
        (LIST_TAGS_FOR_RESOURCE, {"a": "b", "\ud800": "c"}, "item 1 of Tags has no key that is text"),
        (LIST_PROJECT_POLICIES, [policy(), {"PolicyName": "p"}], "item 1 of ProjectPolicies has no ProjectArn"),
        (LIST_PROJECT_POLICIES, [policy(), {"ProjectArn": PROJECT}], "item 1 of ProjectPolicies has no PolicyName"),
        (LIST_PROJECT_POLICIES, [policy(PolicyName=7), policy()], "item 0 of ProjectPolicies has no PolicyName"),
        (LIST_PROJECT_POLICIES, [policy(), policy(ProjectArn="arn:other")], "is about another project, 'arn:other'"),
    ],
)
def test_an_item_that_cannot_be_told_from_others_is_a_problem(operation: str, result: Any, message: str):
    flat = flat_of(operation, result)
    assert len(rows(flat)) == 1
    (problem,) = flat.problems
    assert message in str(problem)


def test_only_keeps_the_rows_about_what_is_there():
    pages = [page(LIST_TAGS_FOR_RESOURCE, {"k": "v"}, resource=resource) for resource in (PROJECT, DATASET, VERSION)]
    flat = flatten_detail(LIST_TAGS_FOR_RESOURCE, SCOPE, pages)
    kept = flat.only(pa.array([VERSION, PROJECT, "arn:other"]))
    assert [row["resource_arn"] for row in rows(kept)] == [PROJECT, VERSION]
    assert rows(flat.only(pa.array([], pa.string()))) == []
