"""Hypothesis strategies for answers, built from botocore's own shapes: what AWS could send, and a bit more."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
from hypothesis import strategies as st

from pipeline.model.operations import RESULT_KEYS

SERVICE = botocore.session.get_session().get_service_model("rekognition")
KEYS = {"ProjectArn", "ProjectVersionArn", "DatasetArn"}

text = st.text(max_size=12) | st.sampled_from(["", "line\nbreak\r\n", "\u0000", "😀", '"\\/', "\u2028"])
unsigned = st.integers(0, 2**64 - 1) | st.sampled_from([2**63 - 1, 2**63, 2**64 - 1])
signed = st.integers(-(2**31), 2**31 - 1) | st.sampled_from([2**63 - 1, -(2**63)])
double = st.floats(allow_nan=False, allow_infinity=False)
instant = (
    st.integers(0, 4_000_000_000)
    | st.floats(0, 4e9)
    | st.integers(0, 4 * 10**12).map(lambda millis: millis / 1000)
    | st.sampled_from([0, -1.5, 253402300799, 1690556751.958, 1690556751.9580014, 1.5e300, -62135596801])
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | double | text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
    max_leaves=4,
)
LEAVES = {
    "string": text,
    "timestamp": instant,
    "integer": signed,
    "long": unsigned,
    "float": double,
    "boolean": st.booleans(),
}


@st.composite
def values(draw: st.DrawFn, shape: Any, *, odd: bool) -> Any:
    """One value of a shape: members absent, null or empty; with `odd`, unknown members and wrong types too."""
    if odd and draw(st.integers(0, 15)) == 0:
        return draw(anything)
    if shape.type_name == "list":
        return draw(st.none() | st.lists(values(shape.member, odd=odd), max_size=3))
    if shape.type_name != "structure":
        known = st.sampled_from(shape.enum) if getattr(shape, "enum", None) else LEAVES[shape.type_name]
        return draw(known | LEAVES[shape.type_name])
    made = {}
    for name, member in shape.members.items():
        match draw(st.integers(0, 5)):
            case 0:
                continue
            case 1:
                made[name] = None
            case _:
                made[name] = draw(values(member, odd=odd))
    if odd and draw(st.integers(0, 5)) == 0:
        made[draw(text)] = draw(anything)
    return made


@st.composite
def listings(draw: st.DrawFn, operation: str, *, odd: bool) -> list[dict[str, Any]]:
    """The descriptions of one listing, each with an ARN of its own; with `odd`, datasets may lack or repeat theirs."""
    shape = SERVICE.operation_model(operation).output_shape.members[RESULT_KEYS[operation]].member
    key = next(name for name in shape.members if name in KEYS)
    described = draw(st.lists(values(shape, odd=odd).filter(lambda value: isinstance(value, dict)), max_size=6))
    for number, item in enumerate(described):
        item[key] = f"arn:aws:rekognition:us-east-1:111122223333:project/{draw(st.sampled_from('äbB-'))}{number}/1"
        datasets = item.get("Datasets")
        for place, dataset in enumerate(datasets if isinstance(datasets, list) else []):
            if isinstance(dataset, dict) and not odd:
                dataset["DatasetArn"] = f"{item[key]}/dataset/{place}"
            elif isinstance(dataset, dict) and isinstance(dataset.get("DatasetArn"), str):
                dataset["DatasetArn"] = f"{item[key]}/{dataset['DatasetArn']}"  # may stand there twice
    return described


@st.composite
def results(draw: st.DrawFn, operation: str, project_arn: str, *, odd: bool) -> Any:
    """What one page of a detail holds: a description, tags, or policies that may repeat earlier ones' names."""
    shape = SERVICE.operation_model(operation).output_shape.members[RESULT_KEYS[operation]]
    if shape.type_name == "map":
        return draw(st.dictionaries(text, (anything if odd else st.none() | text), max_size=4))
    if shape.type_name == "structure":
        return draw(values(shape, odd=odd).filter(lambda value: isinstance(value, dict)))
    policies = draw(st.lists(values(shape.member, odd=odd).filter(lambda value: isinstance(value, dict)), max_size=4))
    for policy in policies:
        policy |= {"ProjectArn": project_arn, "PolicyName": draw(st.sampled_from(["a", "ä", ""]) | text)}
    return policies


@st.composite
def encoded(draw: st.DrawFn, operation: str, described: list[dict[str, Any]]) -> list[bytes]:
    """The listing cut into pages, some without items, as JSON in one of the ways JSON can be written."""
    cuts = sorted(draw(st.lists(st.integers(0, len(described)), max_size=3)))
    pages = [described[start:end] for start, end in zip([0, *cuts], [*cuts, len(described)], strict=True)]
    indent = draw(st.sampled_from([None, None, 1]))
    ascii_only = draw(st.booleans())
    return [
        json.dumps({RESULT_KEYS[operation]: page}, indent=indent, ensure_ascii=ascii_only).encode() for page in pages
    ]
