"""The IAM policies: exact documents, actions that exist, and Terraform that says the same as the JSON."""

from __future__ import annotations

import json
import re

import botocore.session
import pytest

from pipeline.errors import UsageError
from pipeline.extract import iam_policy as policy
from pipeline.model.operations import DEFAULT_DETAILS, DETAILS, RESULT_KEYS

EVERYTHING = {"details": tuple(DETAILS), "evidence": True}
OPERATION_OF = {  # where an action of S3 has another name than its operation (Service Authorization Reference)
    "s3:ListBucket": "ListObjectsV2",
    "s3:ListBucketMultipartUploads": "ListMultipartUploads",
}
ALL = {
    "default": [*policy.listing()],
    "listing": [*policy.listing(**EVERYTHING)],
    "narrow": [*policy.listing(**EVERYTHING, buckets=["a-b", "c.d"], regions=["us-east-1", "eu-west-1"])],
    "caller": [
        *policy.assuming("path/ReadModels"),
        *policy.organization(),
        *policy.lake("bucket", 'a${aws:username}/%{if}/*?$/"q"\\'),
    ],
    "trust": [*policy.trust("111122223333", external_id="x:1/2=3")],
}


def documents(statements):
    document = json.loads(policy.as_json(statements))
    assert list(document) == ["Version", "Statement"]
    assert document["Version"] == "2012-10-17"
    return document["Statement"]


def allow(sid, action, resource, **conditions):
    found = {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource}
    return found | ({"Condition": conditions} if conditions else {})


PROJECTS = "arn:aws:rekognition:*:*:project/*"
BASE = [
    allow("ListProjects", "rekognition:DescribeProjects", "*"),
    allow("ListVersions", "rekognition:DescribeProjectVersions", PROJECTS),
]
DATASETS = allow("DescribeDatasets", "rekognition:DescribeDataset", f"{PROJECTS}/dataset/*/*")


def test_what_is_listed_by_default_and_what_else_can_be():
    assert documents(policy.listing()) == [*BASE, DATASETS]
    assert documents(policy.listing(details=())) == BASE
    assert documents(policy.listing(details=("policies", "tags"))) == [
        *BASE,
        allow("ListTags", "rekognition:ListTagsForResource", PROJECTS),
        allow("ListPolicies", "rekognition:ListProjectPolicies", PROJECTS),
    ]


def test_a_policy_permits_just_what_pages_come_from():
    actions = {action for one in policy.listing(details=tuple(DETAILS)) for action in one.actions}
    assert actions == {f"rekognition:{operation}" for operation in RESULT_KEYS}
    assert set(DEFAULT_DETAILS) <= DETAILS.keys()


def test_evidence_in_named_buckets_and_in_any():
    key = "arn:aws:kms:*:*:key/*"
    assert documents(policy.listing(details=(), evidence=True))[2:] == [
        allow("ReadEvidenceInAnyBucket", "s3:GetObject", "arn:aws:s3:::*/*"),
        allow("DecryptEvidence", "kms:Decrypt", key, StringLike={"kms:ViaService": "s3.*.amazonaws.com"}),
    ]
    narrow = policy.listing(details=(), evidence=True, buckets=["a-b", "c.d"], regions=["us-east-1"])
    where = {"aws:RequestedRegion": "us-east-1"}
    assert documents(narrow)[2:] == [
        allow("ReadEvidence", "s3:GetObject", ["arn:aws:s3:::a-b/*", "arn:aws:s3:::c.d/*"], StringEquals=where),
        allow(
            "DecryptEvidence",
            "kms:Decrypt",
            key,
            StringEquals=where | {"kms:ViaService": "s3.us-east-1.amazonaws.com"},
        ),
    ]


def test_regions_hold_for_every_statement_of_a_listing():
    found = documents(policy.listing(**EVERYTHING, regions=["us-east-1", "eu-west-1"]))
    for one in found:
        assert one["Condition"]["StringEquals"]["aws:RequestedRegion"] == ["us-east-1", "eu-west-1"]


def test_the_caller_assumes_roles_finds_accounts_and_keeps_a_lake():
    assert documents([*policy.assuming("ReadModels"), *policy.organization(), *policy.lake("bucket", "a/b")]) == [
        allow("AssumeRoles", "sts:AssumeRole", "arn:aws:iam::*:role/ReadModels"),
        allow(
            "ListAccounts",
            [
                "organizations:ListAccounts",
                "organizations:ListAccountsForParent",
                "organizations:ListOrganizationalUnitsForParent",
                "organizations:ListRoots",
            ],
            "*",
        ),
        allow("ListLake", ["s3:ListBucket", "s3:ListBucketMultipartUploads"], "arn:aws:s3:::bucket"),
        allow(
            "KeepLake",
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
            "arn:aws:s3:::bucket/a/b/*",
        ),
    ]
    (role,) = documents(policy.assuming("arn:aws:iam::{account}:role/team/ReadModels"))
    assert role["Resource"] == "arn:aws:iam::*:role/team/ReadModels"


@pytest.mark.parametrize(
    ("prefix", "resource"),
    [("", "b-1/*"), ("a*b?", "b-1/a${*}b${?}/*"), ("${aws:username}", "b-1/${$}{aws:username}/*")],
)
def test_a_prefix_means_itself(prefix, resource):
    assert documents(policy.lake("b-1", prefix))[1]["Resource"] == f"arn:aws:s3:::{resource}"


def test_who_may_assume_the_role():
    (account,) = documents(policy.trust("111122223333"))
    assert account == {
        "Sid": "AssumeToExport",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "sts:AssumeRole",
    }
    caller = "arn:aws:iam::111122223333:role/path/Exporter"
    (one,) = documents(policy.trust(caller, external_id="x-7f3a"))
    assert one["Principal"] == {"AWS": caller}
    assert one["Condition"] == {"StringEquals": {"sts:ExternalId": "x-7f3a"}}


@pytest.mark.parametrize(("partition", "region"), [("aws-us-gov", "us-gov-west-1"), ("aws-cn", "cn-north-1")])
def test_other_partitions(partition, region):
    everything = [
        *policy.listing(**EVERYTHING, regions=[region], partition=partition),
        *policy.listing(**EVERYTHING, partition=partition),
        *policy.assuming("R", partition=partition),
        *policy.lake("bucket", "", partition=partition),
        *policy.trust("111122223333", partition=partition),
    ]
    text = policy.as_json(everything)
    assert set(re.findall(r"arn:([^:]+):", text)) == {partition}
    assert ("amazonaws.com.cn" in text) == (partition == "aws-cn")


@pytest.mark.parametrize(
    "make",
    [
        lambda: policy.listing(regions=["all"]),
        lambda: policy.listing(regions=["us-east-1 "]),
        lambda: policy.listing(regions=["us-east-1"], partition="aws-cn"),
        lambda: policy.listing(evidence=True, buckets=["*"]),
        lambda: policy.listing(evidence=True, buckets=["s3://bucket"]),
        lambda: policy.assuming("*"),
        lambda: policy.assuming("a b"),
        lambda: policy.assuming("arn:aws:iam::111122223333:user/x"),
        lambda: policy.assuming("arn:aws-cn:iam::111122223333:role/x"),
        lambda: policy.trust("*"),
        lambda: policy.trust("11112222333"),
        lambda: policy.trust("arn:aws:iam::111122223333:role/x", partition="aws-cn"),
        lambda: policy.trust("111122223333", external_id="x"),
        lambda: policy.trust("111122223333", external_id="${aws:username}"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(make):
    with pytest.raises(UsageError) as caught:
        list(make())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ALL)
def test_every_action_exists_and_every_statement_has_its_name(name):
    session = botocore.session.get_session()
    for statement in ALL[name]:
        assert statement.sid.isalnum()
        for action in statement.actions:
            service, _, operation = action.partition(":")
            known = session.get_service_model(service).operation_names
            assert OPERATION_OF.get(action, operation) in known, action
    sids = [statement.sid for statement in ALL[name]]
    assert len(set(sids)) == len(sids)


TOKEN = re.compile(r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>[a-z_]+)|(?P<mark>[{}\[\]=,]))')


def parsed(text):
    """The statements of a Terraform data source, in the shape of IAM's JSON with every value in a list."""
    assert not re.search(r"(?<!\$)\$\{|(?<!%)%\{", text), "an interpolation"
    at, tokens = 0, []
    while at < len(text.rstrip()):
        found = TOKEN.match(text, at)
        assert found, text[at : at + 40]
        tokens.append(found[0].strip())
        at = found.end()
    assert tokens[:4] == ["data", '"aws_iam_policy_document"', '"reklake"', "{"]
    rest, body = block(tokens[4:])
    assert rest == []
    assert set(body) == {"statement"}
    return [statement_of(one) for one in body["statement"]]


def block(tokens):
    found = {}
    while (name := tokens.pop(0)) != "}":
        if tokens[0] == "{":
            tokens, inner = block(tokens[1:])
            found.setdefault(name, []).append(inner)
            continue
        assert tokens.pop(0) == "="
        assert name not in found
        if tokens[0] == "[":
            end = tokens.index("]")
            assert tokens[2:end:2] == [","] * len(tokens[2:end:2])
            found[name], tokens = [text_of(one) for one in tokens[1:end:2]], tokens[end + 1 :]
        else:
            found[name] = text_of(tokens.pop(0))
    return tokens, found


def text_of(token):
    return json.loads(token).replace("$${", "${").replace("%%{", "%{")


def statement_of(body):
    found = {"Sid": body["sid"], "Effect": body["effect"], "Action": body["actions"]}
    if "resources" in body:
        found["Resource"] = body["resources"]
    for one in body.get("principals", []):
        found["Principal"] = {one["type"]: one["identifiers"]}
    for one in body.get("condition", []):
        found.setdefault("Condition", {}).setdefault(one["test"], {})[one["variable"]] = one["values"]
    return found


def in_lists(value):
    if isinstance(value, dict):
        return {key: one if key in {"Sid", "Effect"} else in_lists(one) for key, one in value.items()}
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("name", ALL)
def test_terraform_says_what_the_json_says(name):
    written = policy.as_terraform(ALL[name])
    assert parsed(written) == [in_lists(one) for one in documents(ALL[name])]
    assert not [line for line in written.splitlines() if line != line.rstrip() or "\t" in line]


def test_terraform_as_its_formatter_would_write_it():
    assert policy.as_terraform([*policy.trust("111122223333", external_id="x1")]) == (
        'data "aws_iam_policy_document" "reklake" {\n'
        "  statement {\n"
        '    sid     = "AssumeToExport"\n'
        '    effect  = "Allow"\n'
        '    actions = ["sts:AssumeRole"]\n'
        "\n"
        "    principals {\n"
        '      type        = "AWS"\n'
        '      identifiers = ["arn:aws:iam::111122223333:root"]\n'
        "    }\n"
        "\n"
        "    condition {\n"
        '      test     = "StringEquals"\n'
        '      variable = "sts:ExternalId"\n'
        '      values   = ["x1"]\n'
        "    }\n"
        "  }\n"
        "}"
    )
