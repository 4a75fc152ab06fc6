"""Every answer of the emulator against botocore's own output shapes and its parser."""

from __future__ import annotations

import json
import re

import pytest
from botocore.parsers import create_parser

from pipeline.emulator import DEFAULT_ACCOUNT, RandomWorld, demo_world
from pipeline.emulator.request import service_model
from pipeline.emulator.service import RekognitionService

REGIONS = ("us-east-1", "eu-west-1")
SCALARS = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "timestamp": (int, float),
}


def violations(shape, value, path=""):
    """All that is in the answer and not allowed by its shape."""
    kind = shape.type_name
    if kind == "structure":
        for name in value.keys() - shape.members.keys():
            yield f"{path}.{name}: no such member"
        for name in value.keys() & shape.members.keys():
            yield from violations(shape.members[name], value[name], f"{path}.{name}")
    elif kind == "list":
        for index, item in enumerate(value):
            yield from violations(shape.member, item, f"{path}[{index}]")
    elif kind == "map":
        for key, member in value.items():
            yield from violations(shape.key, key, f"{path} key")
            yield from violations(shape.value, member, f"{path}.{key}")
    elif not isinstance(value, SCALARS[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{path}: {value!r} is no {kind}"
    else:
        yield from limits(shape, value, path)


def limits(shape, value, path):
    metadata = shape.metadata
    size = len(value) if isinstance(value, str) else value
    if not metadata.get("min", size) <= size <= metadata.get("max", size):
        yield f"{path}: {value!r} is out of range"
    # Java's \p{..} classes, of tags only, stand for letters, separators and digits
    pattern = re.sub(r"\\p\{[LZN]\}", r"\\w ", metadata.get("pattern", ""))
    if pattern and not re.fullmatch(pattern, value, re.DOTALL):
        yield f"{path}: {value!r} does not fit {pattern}"
    if getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path}: {value!r} is not in {shape.enum}"


class Checked:
    """The service, with each answer checked on its way."""

    def __init__(self, world):
        self.service = RekognitionService(world, (), lambda _: DEFAULT_ACCOUNT, seed=1)
        self.answers = dict.fromkeys(
            ("DescribeProjects", "DescribeProjectVersions", "DescribeDataset", "ListDatasetEntries",
             "ListDatasetLabels", "ListProjectPolicies", "ListTagsForResource"), 0
        )  # fmt: skip

    def call(self, region, operation, **params):
        authorization = f"AWS4-HMAC-SHA256 Credential=testing/20260601/{region}/rekognition/aws4_request, Signature=0"
        answer = self.service.answer(operation, authorization, json.dumps(params).encode())
        raw = json.loads(answer.body)
        if answer.status != 200:
            assert raw["__type"] == "ResourceNotReadyException"
            return {}
        shape = service_model().operation_model(operation).output_shape
        assert list(violations(shape, raw)) == []
        response = {"status_code": 200, "headers": {}, "body": answer.body}
        parsed = create_parser("json").parse(response, shape)
        parsed.pop("ResponseMetadata")
        assert parsed.keys() == raw.keys()
        self.answers[operation] += 1
        return raw

    def pages(self, region, operation, **params):
        token = {}
        while True:
            page = self.call(region, operation, **params, **token)
            yield page
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}


@pytest.mark.parametrize(
    ("world", "least"),
    [
        pytest.param(demo_world(), 10, id="the demo's"),
        pytest.param(RandomWorld(11, projects=120, versions=12), 100, id="a larger one"),
    ],
)
def test_every_answer_fits_its_shape(world, least):
    checked = Checked(world)
    features = ["CUSTOM_LABELS", "CONTENT_MODERATION"]
    for region in REGIONS:
        for projects in checked.pages(region, "DescribeProjects", Features=features):
            for project in projects["ProjectDescriptions"]:
                arn = project["ProjectArn"]
                for page in checked.pages(region, "DescribeProjectVersions", ProjectArn=arn):
                    for version in page["ProjectVersionDescriptions"][:2]:
                        checked.call(region, "ListTagsForResource", ResourceArn=version["ProjectVersionArn"])
                for policies in checked.pages(region, "ListProjectPolicies", ProjectArn=arn):
                    assert len(policies["ProjectPolicies"]) <= 5
                for dataset in project["Datasets"]:
                    checked.call(region, "DescribeDataset", DatasetArn=dataset["DatasetArn"])
                    for operation in ("ListDatasetEntries", "ListDatasetLabels"):
                        list(checked.pages(region, operation, DatasetArn=dataset["DatasetArn"]))
    per_project = ("DescribeProjectVersions", "ListProjectPolicies", "ListTagsForResource")
    assert all(checked.answers[operation] >= least for operation in per_project), checked.answers
    assert all(checked.answers.values()), checked.answers


def test_the_checker_sees_what_is_wrong():
    shape = service_model().operation_model("DescribeProjects").output_shape
    project = {"ProjectArn": "x", "Status": "GONE", "CreationTimestamp": "2020", "Unheard": 1}
    assert len(list(violations(shape, {"ProjectDescriptions": [project]}))) == 5
