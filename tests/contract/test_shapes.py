"""The declared tables against botocore's own model of the answers, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import botocore.session
import pyarrow as pa
import pytest

from pipeline.flatten.response_schema import answer
from pipeline.model import IGNORED, TABLES, Origin, Result, Table, tables_of_detail
from pipeline.model.operations import DETAILS, RESULT_KEYS
from pipeline.model.page import RawPage

SERVICE = botocore.session.get_session().get_service_model("rekognition")
OPERATIONS = sorted(RESULT_KEYS)
MARKS = {Result.LIST: "[]", Result.OBJECT: "", Result.ENTRIES: "{}"}
KINDS = {Result.LIST: "list", Result.OBJECT: "structure", Result.ENTRIES: "map"}


def leaves(shape: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield from leaves(member, f"{path}.{name}".lstrip("."))
    elif shape.type_name == "list":
        yield from leaves(shape.member, f"{path}[]")
    elif shape.type_name == "map":
        yield from leaves(shape.key, f"{path}{{}}.key")
        yield from leaves(shape.value, f"{path}{{}}.value")
    else:
        yield path, shape


def output_leaves(operation: str) -> dict[str, Any]:
    return dict(leaves(SERVICE.operation_model(operation).output_shape))


def declared_leaves(operation: str) -> dict[str, pa.DataType]:
    found: dict[str, pa.DataType] = {}
    for table in TABLES:
        if table.operation != operation:
            continue
        for items in table.items:
            start = f"{table.result_key}{MARKS[table.result]}" + (f".{items.path}[]" if items.path else "")
            found |= {f"{start}.{column.path}": column.type for column in table.of(Origin.MEMBER)}
    return found


def ignored_leaves(operation: str) -> set[str]:
    return {path for (of, path), reason in IGNORED.items() if of == operation and reason}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_leaf_of_the_answer_is_in_a_table_or_ignored_with_a_reason(operation: str):
    assert set(output_leaves(operation)) - set(declared_leaves(operation)) - ignored_leaves(operation) == set()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_declared_member_and_every_ignored_one_exists_in_the_answer(operation: str):
    assert (set(declared_leaves(operation)) | ignored_leaves(operation)) - set(output_leaves(operation)) == set()
    assert set(declared_leaves(operation)) & ignored_leaves(operation) == set()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_declared_type_holds_what_the_answer_can_hold(operation: str):
    holds = {
        "string": pa.types.is_string,
        "timestamp": lambda kind: kind == pa.timestamp("us", tz="UTC"),
        "integer": lambda kind: kind == pa.int64(),
        "long": lambda kind: kind == pa.int64(),  # what is beyond it goes to extra: not every engine reads unsigned
        "float": lambda kind: kind == pa.float64(),
        "boolean": pa.types.is_boolean,
    }
    shapes = output_leaves(operation)
    for path, kind in declared_leaves(operation).items():
        assert holds[shapes[path].type_name](kind), f"{path}: {shapes[path].type_name} as {kind}"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_result_key_is_all_that_is_in_the_answer_and_is_what_the_table_says(operation: str):
    members = SERVICE.operation_model(operation).output_shape.members
    assert [name for name in members if (operation, name) not in IGNORED] == [RESULT_KEYS[operation]]
    table = answer(operation).root
    assert (table.result_key, KINDS[table.result]) == (
        RESULT_KEYS[operation],
        members[RESULT_KEYS[operation]].type_name,
    )


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_parameter_that_a_column_holds_is_one_of_a_page(operation: str):
    parameters = {
        column.path for table in TABLES if table.operation == operation for column in table.of(Origin.REQUEST)
    }
    assert parameters <= {field.name for field in fields(RawPage)}


@pytest.mark.parametrize("detail", DETAILS)
def test_the_key_of_a_details_table_begins_with_the_resource(detail: str):
    for table in tables_of_detail(detail):
        assert table.column(table.key[0]).path in {"resource_arn", "ProjectArn"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_columns_are_documented_and_named_in_snake_case(table: Table):
    for column in table.columns:
        assert column.description.endswith("."), f"{column.name}: a sentence"
        assert column.name == column.name.lower()
        assert column.name.endswith("_at") == pa.types.is_timestamp(column.type)
        if column.name.endswith("_seconds"):
            assert column.unit == "seconds"
    assert {"account_id", "region", *table.key} <= set(table.names)
    assert len(set(table.names)) == len(table.names)
