"""What an emulator answers over HTTP, through boto3 and bare connections."""

from __future__ import annotations

import http.client
import itertools
import json
from urllib.parse import urlsplit

import pytest

from pipeline.emulator import DEFAULT_ACCOUNT, Emulator, RandomWorld, key_for
from tests.service.emulator_clients import ARN, BOTH, SECOND, client, code_of, headers, listed, post


@pytest.fixture(scope="module")
def endpoint():
    accounts, versions = (DEFAULT_ACCOUNT, SECOND), (0, 1, 99, 100, 101, 250)
    with Emulator(RandomWorld(5, accounts=accounts, projects=12, versions=versions), page_size=100) as running:
        yield running


@pytest.mark.parametrize("page_size", [1, 7, 99, 100, None])
def test_pages_add_up_to_the_whole(endpoint, page_size):
    projects, _ = listed(endpoint, "describe_projects", "ProjectDescriptions", page_size, Features=BOTH)
    assert len({project["ProjectArn"] for project in projects}) == len(projects) == 12
    sizes = []
    for project in projects[:6]:
        found, pages = listed(
            endpoint,
            "describe_project_versions",
            "ProjectVersionDescriptions",
            page_size,
            ProjectArn=project["ProjectArn"],
        )
        assert len({version["ProjectVersionArn"] for version in found}) == len(found)
        assert all(size == (page_size or 100) for size in pages[:-1])
        sizes.append(len(found))
    assert sizes == [0, 1, 99, 100, 101, 250]


def test_content_moderation_is_listed_only_when_asked_for(endpoint):
    rekognition = client("rekognition", endpoint)
    custom = rekognition.describe_projects()["ProjectDescriptions"]
    adapters = rekognition.describe_projects(Features=["CONTENT_MODERATION"])["ProjectDescriptions"]
    assert len(custom) == 11
    assert {project.get("Feature") for project in adapters} == {"CONTENT_MODERATION"}
    assert len(rekognition.describe_projects(Features=BOTH)["ProjectDescriptions"]) == 12


def test_name_filters(endpoint):
    rekognition = client("rekognition", endpoint)
    project = rekognition.describe_projects()["ProjectDescriptions"][3]
    name = project["ProjectArn"].split("/")[1]
    assert rekognition.describe_projects(ProjectNames=[name])["ProjectDescriptions"] == [project]
    assert rekognition.describe_projects(ProjectNames=["nobody"])["ProjectDescriptions"] == []
    versions = rekognition.describe_project_versions(ProjectArn=project["ProjectArn"])["ProjectVersionDescriptions"]
    names = [version["ProjectVersionArn"].split("/")[3] for version in (versions[4], versions[40])]
    found = rekognition.describe_project_versions(ProjectArn=project["ProjectArn"], VersionNames=names)
    assert found["ProjectVersionDescriptions"] == [versions[4], versions[40]]


@pytest.mark.parametrize(
    "params",
    [
        {"MaxResults": 101},
        {"MaxResults": 0},
        {"MaxResults": "ten"},
        {"Features": ["FACES"]},
        {"Features": []},
        {"ProjectNames": ["a/b"]},
        {"NextToken": "x" * 1025},
    ],
)
def test_invalid_parameters(endpoint, params):
    body = json.dumps(params)
    status, sent, answer = post(endpoint, "DescribeProjects", body)
    assert (status, sent["x-amzn-ErrorType"]) == (400, "InvalidParameterException")
    assert json.loads(answer)["Message"].startswith("1 validation error detected: Value '")


def test_unknown_things_are_not_found(endpoint):
    rekognition = client("rekognition", endpoint)
    gone = ("ResourceNotFoundException", 400)
    assert code_of(rekognition.describe_project_versions, ProjectArn=ARN) == gone
    assert code_of(rekognition.list_project_policies, ProjectArn=ARN) == gone
    assert code_of(rekognition.list_tags_for_resource, ResourceArn=ARN) == gone
    dataset = ARN.replace("/1690474772815", "/dataset/train/1")
    for call in (
        rekognition.describe_dataset,
        rekognition.list_dataset_entries,
        rekognition.list_dataset_labels,
    ):
        assert code_of(call, DatasetArn=dataset) == gone


def test_tokens_are_good_for_their_own_listing_only(endpoint):
    rekognition = client("rekognition", endpoint)
    projects = rekognition.describe_projects(MaxResults=5)
    token = projects["NextToken"]
    bad = ("InvalidPaginationTokenException", 400)
    assert len(rekognition.describe_projects(NextToken=token)["ProjectDescriptions"]) == 6
    assert code_of(rekognition.describe_projects, NextToken=token, Features=BOTH) == bad
    assert code_of(rekognition.describe_projects, NextToken="nonsense") == bad
    assert code_of(client("rekognition", endpoint, region="eu-west-1").describe_projects, NextToken=token) == bad
    assert code_of(client("rekognition", endpoint, key_for(SECOND)).describe_projects, NextToken=token) == bad
    first = rekognition.describe_projects(NextToken="", MaxResults=5)["ProjectDescriptions"]
    assert first == projects["ProjectDescriptions"]


def test_requests_without_a_signature_are_refused(endpoint):
    status, sent, _ = post(endpoint, "DescribeProjects", sent={"X-Amz-Target": "RekognitionService.DescribeProjects"})
    assert (status, sent["x-amzn-ErrorType"]) == (403, "MissingAuthenticationTokenException")
    broken = headers("DescribeProjects") | {"Authorization": "AWS4-HMAC-SHA256 Credential=testing"}
    status, sent, _ = post(endpoint, "DescribeProjects", sent=broken)
    assert (status, sent["x-amzn-ErrorType"]) == (403, "IncompleteSignatureException")


@pytest.mark.parametrize("body", ["{", "[]", '"text"'])
def test_bodies_that_are_no_object(endpoint, body):
    status, sent, _ = post(endpoint, "DescribeProjects", body)
    assert (status, sent["x-amzn-ErrorType"]) == (400, "SerializationException")


def test_every_answer_has_its_headers(endpoint):
    ids = set()
    for body in ("{}", '{"MaxResults": 0}'):
        _, sent, answer = post(endpoint, "DescribeProjects", body)
        assert sent["Content-Type"] == "application/x-amz-json-1.1"
        assert int(sent["Content-Length"]) == len(answer)
        ids.add(sent["x-amzn-RequestId"])
    assert len(ids) == 2


def test_timestamps_go_as_numbers_at_times_with_an_exponent(endpoint):
    _, _, projects = post(endpoint, "DescribeProjects")
    arns = [p["ProjectArn"] for p in json.loads(projects)["ProjectDescriptions"]]
    bodies = [post(endpoint, "DescribeProjectVersions", json.dumps({"ProjectArn": arn}))[2] for arn in arns]
    text = b"".join(bodies)
    assert text.count(b'"CreationTimestamp":1.7') > 10
    assert text.count(b"E9,") > 10
    assert text.count(b'"CreationTimestamp":17') > 100


def test_accounts_and_regions_are_worlds_of_their_own(endpoint):
    seen = [
        {
            p["ProjectArn"]
            for p in client("rekognition", endpoint, key, region).describe_projects()["ProjectDescriptions"]
        }
        for key in ("testing", key_for(SECOND))
        for region in ("us-east-1", "eu-west-1")
    ]
    assert all(not one & other for one, other in itertools.combinations(seen, 2))
    assert all(seen)
    assert client("rekognition", endpoint, region="us-west-2").describe_projects()["ProjectDescriptions"] == []


def test_an_assumed_role_sees_its_account(endpoint):
    sts = client("sts", endpoint)
    assert sts.get_caller_identity()["Account"] == DEFAULT_ACCOUNT
    role = sts.assume_role(RoleArn=f"arn:aws:iam::{SECOND}:role/reader", RoleSessionName="test")["Credentials"]
    credentials = {
        "aws_access_key_id": role["AccessKeyId"],
        "aws_secret_access_key": role["SecretAccessKey"],
        "aws_session_token": role["SessionToken"],
    }
    assert client("sts", endpoint, **credentials).get_caller_identity()["Account"] == SECOND
    theirs = client("rekognition", endpoint, **credentials).describe_projects()["ProjectDescriptions"]
    assert {project["ProjectArn"].split(":")[4] for project in theirs} == {SECOND}
    named = client("sts", endpoint, key_for(SECOND)).get_caller_identity()["Account"]
    assert named == SECOND


def test_s3_and_organizations_stand_at_the_same_url(endpoint):
    s3 = client("s3", endpoint)
    s3.create_bucket(Bucket="evidence")
    s3.put_object(Bucket="evidence", Key="a/ü.json", Body=b'{"a": 1}' * 1000)
    assert s3.get_object(Bucket="evidence", Key="a/ü.json")["Body"].read() == b'{"a": 1}' * 1000
    assert s3.head_object(Bucket="evidence", Key="a/ü.json")["ContentLength"] == 8000
    assert code_of(s3.get_object, Bucket="evidence", Key="b") == ("NoSuchKey", 404)
    s3.delete_object(Bucket="evidence", Key="a/ü.json")
    assert "Contents" not in s3.list_objects_v2(Bucket="evidence")
    organizations = client("organizations", endpoint)
    organizations.create_organization(FeatureSet="ALL")
    assert organizations.list_accounts()["Accounts"][0]["Id"] == DEFAULT_ACCOUNT


def test_operations_beyond_ours_are_moto_s_or_said_to_be_unknown(endpoint):
    rekognition = client("rekognition", endpoint)
    assert rekognition.detect_text(Image={"S3Object": {"Bucket": "b", "Name": "n"}})["TextDetections"]
    assert code_of(rekognition.create_project, ProjectName="p") == ("InternalFailure", 501)


def test_a_connection_serves_many_requests(endpoint):
    connection = http.client.HTTPConnection(urlsplit(endpoint.url).netloc)
    connection.connect()
    own = connection.sock.getsockname()
    for _ in range(3):
        connection.request("POST", "/", body="{}", headers=headers("DescribeProjects"))
        assert connection.getresponse().read().startswith(b'{"ProjectDescriptions"')
        connection.request("GET", "/no-such-bucket")  # moto answers this
        assert connection.getresponse().read()
    assert connection.sock.getsockname() == own
    connection.close()
