"""Whatever the service sends is found again in the tables, exactly once."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.flatten import Flat, flatten, flatten_detail
from pipeline.flatten.rebuild import canonical, decode, described, rebuild, tables_of
from pipeline.model import Origin, table
from pipeline.model.operations import (
    DESCRIBE_PROJECT_VERSIONS,
    DESCRIBE_PROJECTS,
    DETAILS,
    LIST_PROJECT_POLICIES,
    RESULT_KEYS,
)
from pipeline.model.page import RawPage, Scope
from tests.property.answers import encoded, listings, results

SCOPE = Scope("us-east-1", "111122223333")
OPERATIONS = (DESCRIBE_PROJECTS, DESCRIBE_PROJECT_VERSIONS)
SEEN = datetime(2026, 1, 1, tzinfo=UTC)
slow = settings(deadline=None, max_examples=75, suppress_health_check=list(HealthCheck))


def pages(operation: str, bodies: list[bytes], project: str = "arn:p") -> list[RawPage]:
    of = "" if operation == DESCRIBE_PROJECTS else project
    return [RawPage(operation, of, 1, number, 200, SEEN, "id", body) for number, body in enumerate(bodies, 1)]


def rows(flat: Flat) -> dict[str, list[dict[str, Any]]]:
    return {name: rows.to_pylist() for name, rows in flat.tables.items()}


def leaves(value: Any) -> int:
    """Count what is neither null nor empty; a row of nothing but empty members counts as its place in the list."""
    if isinstance(value, dict):
        return sum(leaves(member) for member in value.values())
    if isinstance(value, list):
        return sum(leaves(member) for member in value)
    return value is not None


def leaves_of_rows(operation: str, found: dict[str, list[dict[str, Any]]]) -> int:
    root, nested = tables_of(operation)
    return sum(
        sum(row[column.name] is not None for column in table.of(Origin.MEMBER))
        + leaves(json.loads(row["extra"] or "null"))
        for table in (root, *nested)
        for row in found[table.name]
    )


@pytest.mark.parametrize("odd", [False, True], ids=["as modelled", "odd"])
@pytest.mark.parametrize("operation", OPERATIONS)
@slow
@given(data=st.data())
def test_every_leaf_is_found_again_exactly_once(operation: str, odd: bool, data: st.DataObject):
    described = data.draw(listings(operation, odd=odd))
    bodies = data.draw(encoded(operation, described))
    flat = flatten(operation, SCOPE, pages(operation, bodies))
    found = rows(flat)

    assert flat.problems == ()
    rebuilt = rebuild(operation, found)
    sent = [item for body in bodies for item in decode(body)[RESULT_KEYS[operation]]]
    key = tables_of(operation)[0].column(tables_of(operation)[0].key[0]).path
    assert {(item[key],): canonical(operation, item) for item in sent} == {
        key: canonical(operation, item) for key, item in rebuilt.items()
    }
    assert leaves_of_rows(operation, found) == sum(leaves(item) for item in sent)
    for name, made in flat.tables.items():
        made.validate(full=True)
        assert made.schema.equals(table(name).schema, check_metadata=True)
        keys = [tuple(row[column] for column in table(name).key) for row in found[name]]
        assert keys == sorted(set(keys))


@slow
@given(data=st.data())
def test_the_order_in_which_pages_arrive_does_not_matter(data: st.DataObject):
    operation = data.draw(st.sampled_from(OPERATIONS))
    described = data.draw(listings(operation, odd=True))
    bodies = data.draw(encoded(operation, [*described, *described[:2]]))  # some items stand on two pages
    ordered = pages(operation, bodies)
    shuffled = random.Random(data.draw(st.integers())).sample(ordered, len(ordered))
    assert flatten(operation, SCOPE, ordered).tables == flatten(operation, SCOPE, shuffled).tables


@slow
@given(
    data=st.data(),
    damage=st.sampled_from([b"", b"<html>", b"[]", b"{}", b'{"ProjectVersionDescriptions":7}', b"\xff"]),
)
def test_a_damaged_body_fails_alone(data: st.DataObject, damage: bytes):
    operation = DESCRIBE_PROJECT_VERSIONS
    described = data.draw(listings(operation, odd=True))
    good = pages(operation, data.draw(encoded(operation, described)))
    bad = RawPage(operation, "arn:bad", 1, 3, 200, SEEN, "id", damage)
    flat = flatten(operation, SCOPE, [*good, bad])
    assert flat.tables == flatten(operation, SCOPE, good).tables
    (problem,) = flat.problems
    for named in ("111122223333", "us-east-1", "arn:bad", "page 3"):
        assert named in str(problem)


@pytest.mark.parametrize("odd", [False, True], ids=["as modelled", "odd"])
@pytest.mark.parametrize("operation", DETAILS.values())
@slow
@given(data=st.data())
def test_what_a_detail_answers_is_found_again(operation: str, odd: bool, data: st.DataObject):
    resources = [f"arn:{name}" for name in data.draw(st.lists(st.sampled_from("aäbc"), unique=True, max_size=3))]
    sent = []
    for arn in resources:
        project = arn if operation == LIST_PROJECT_POLICIES else "arn:p"
        for number in range(1, data.draw(st.integers(1, 2)) + 1 if operation == LIST_PROJECT_POLICIES else 2):
            result = data.draw(results(operation, project, odd=odd))
            body = json.dumps({RESULT_KEYS[operation]: result}, ensure_ascii=data.draw(st.booleans())).encode()
            sent.append(RawPage(operation, project, 1, number, 200, SEEN, "id", body, arn))
    flat = flatten_detail(operation, SCOPE, random.Random(data.draw(st.integers())).sample(sent, len(sent)))
    found = rows(flat)

    assert flat.problems == ()
    expected = {key: canonical(operation, item) for page in sent for key, item in described(page)}
    assert None not in expected
    assert expected == {key: canonical(operation, item) for key, item in rebuild(operation, found).items()}
    for name, made in flat.tables.items():
        made.validate(full=True)
        assert made.schema.equals(table(name).schema, check_metadata=True)
        assert made.column("account_id").null_count == 0
        keys = [tuple(row[column] for column in table(name).key) for row in found[name]]
        assert keys == sorted(set(keys))
