"""An operation is declared once: request, examination, listing, probe and policy follow from the declaration."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import botocore.session
import pytest

from pipeline.extract import iam_policy
from pipeline.extract.calls import Calls
from pipeline.extract.listing import list_scope
from pipeline.extract.permissions import probe_scopes
from pipeline.extract.response import Answer, examine
from pipeline.extract.targets import Caller, Target
from pipeline.extract.threads import DaemonThreads
from pipeline.model.operations import DEFAULT_DETAILS, DETAILS, OPERATIONS, Operation, Resource
from pipeline.model.page import RawPage, Scope
from pipeline.settings import AwsSettings

ACCOUNT, REGION = "111122223333", "us-east-1"
PROJECT = f"arn:aws:rekognition:{REGION}:{ACCOUNT}:project/cats/1690405809285"
DATASET = f"arn:aws:rekognition:{REGION}:{ACCOUNT}:project/cats/dataset/train/1690405809285"
LABELS = Operation(
    "ListDatasetLabels",
    "DatasetLabelDescriptions",
    Resource.DATASET,
    sid="ListLabels",
    iam_resource="arn:{partition}:rekognition:*:*:project/*/dataset/*/*",
    parameter="DatasetArn",
    page_size=100,
    detail="labels",
)
SETTINGS = AwsSettings(details=("labels",))
SERVICE = botocore.session.get_session().get_service_model("rekognition")


class Service:
    """A client of a scope with one project and one dataset, whose labels are on two pages."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    def call(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        self.calls.append((operation, parameters))
        project = {"ProjectArn": PROJECT, "Datasets": [{"DatasetArn": DATASET}]}
        result: dict[str, Any] = {
            OPERATIONS[operation].result_key: [project] if operation == "DescribeProjects" else []
        }
        if operation == LABELS.name and "NextToken" not in parameters:
            result["NextToken"] = "second"
        body = json.dumps(result).encode()
        return Answer(body, {"HTTPStatusCode": 200}, examine(body, OPERATIONS[operation]))

    def is_accepted_at_home(self) -> bool:
        return True


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setitem(OPERATIONS, LABELS.name, LABELS)
    return Service()


ASKED = ["labels"]


def test_its_pages_are_listed(service: Service):
    landed: list[RawPage] = []

    async def listed() -> Any:
        threads = DaemonThreads(2)
        try:
            return await list_scope(
                Calls(Scope(REGION, ACCOUNT), service, threads, SETTINGS), landed.append, ["labels"]
            )
        finally:
            threads.close()

    assert asyncio.run(listed()) == {"labels": None}
    pages = [
        (page.project_arn, page.resource_arn, page.page_number) for page in landed if page.operation == LABELS.name
    ]
    assert pages == [(PROJECT, DATASET, 1), (PROJECT, DATASET, 2)]
    first = {"DatasetArn": DATASET, "MaxResults": 100}
    assert [parameters for operation, parameters in service.calls if operation == LABELS.name] == [
        first,
        {**first, "NextToken": "second"},
    ]


def test_its_answer_is_examined():
    assert examine(b'{"DatasetLabelDescriptions": [{}, {}], "NextToken": "t"}', LABELS)[:3] == ("t", "", 2)
    assert "no ListDatasetLabels page" in examine(b'{"message": "upstream"}', LABELS).flaw


def test_it_is_probed(service: Service):
    target = Target(Scope(REGION, ACCOUNT), Caller(ACCOUNT, None, None, REGION))
    results = probe_scopes([target], lambda _: service, SETTINGS)
    assert [(result.operation, str(result.level)) for result in results][-1] == (LABELS.name, "ok")
    assert service.calls[-1] == (LABELS.name, {"DatasetArn": DATASET, "MaxResults": 1})


@pytest.mark.usefixtures("service")
def test_it_is_in_the_policy():
    statement = list(iam_policy.listing(details=["labels"], partition="aws-cn"))[-1]
    assert (statement.sid, statement.actions, statement.resources) == (
        "ListLabels",
        ["rekognition:ListDatasetLabels"],
        ["arn:aws-cn:rekognition:*:*:project/*/dataset/*/*"],
    )


@pytest.mark.parametrize("operation", [*OPERATIONS.values(), LABELS], ids=lambda operation: operation.name)
def test_botocore_knows_what_is_declared(operation: Operation):
    model = SERVICE.operation_model(operation.name)
    assert model.input_shape.members.keys() >= operation.parameters("arn", "token").keys() - {"NextToken"}
    assert operation.result_key in model.output_shape.members
    assert ("NextToken" in model.output_shape.members) is (operation.page_size is not None)
    if operation.page_size is not None:
        assert model.input_shape.members["MaxResults"].metadata["max"] == operation.page_size
    kinds = {"list": "list", "object": "structure", "entries": "map"}
    assert model.output_shape.members[operation.result_key].type_name == kinds[operation.result]


def test_the_default_details_are_details():
    assert set(DEFAULT_DETAILS) <= DETAILS.keys()
