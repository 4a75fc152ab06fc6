"""Starting, watching, changing and closing an emulator."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from urllib.parse import urlsplit

import boto3
import moto.iam.models as moto_iam
import pytest

from pipeline.emulator import (
    DEFAULT_ACCOUNT,
    Dataset,
    Emulator,
    EmulatorError,
    RandomWorld,
    StaticWorld,
)
from tests.service.emulator_clients import ARN, SECOND, client, code_of, headers, listed, post


def test_calls_are_recorded():
    with Emulator(RandomWorld(5, projects=3, versions=(4,))) as endpoint:
        rekognition = client("rekognition", endpoint, region="eu-west-1")
        page = rekognition.describe_projects(MaxResults=2)
        rekognition.describe_projects(MaxResults=2, NextToken=page["NextToken"])
        arn = page["ProjectDescriptions"][0]["ProjectArn"]
        answer = rekognition.describe_project_versions(ProjectArn=arn)
        code_of(rekognition.describe_project_versions, ProjectArn=ARN)
        first, second, third, fourth = calls = endpoint.calls
    assert [call.operation for call in calls] == ["DescribeProjects"] * 2 + ["DescribeProjectVersions"] * 2
    assert {(call.account, call.region) for call in calls} == {(DEFAULT_ACCOUNT, "eu-west-1")}
    assert (first.token, first.page, first.status, first.error) == (None, 1, 200, None)
    assert (second.token, second.page) == (page["NextToken"], 2)
    assert third.project_arn == arn
    assert third.request_id == answer["ResponseMetadata"]["RequestId"]
    assert (fourth.status, fourth.error, fourth.fault) == (400, "ResourceNotFoundException", None)
    assert [call.time for call in calls] == sorted(call.time for call in calls)


def test_answers_are_the_same_in_another_process_or_after_a_restart():
    def all_pages():
        with Emulator(RandomWorld(5, projects=3, versions=(4,))) as endpoint:
            body = post(endpoint, "DescribeProjects", '{"MaxResults": 2}')[2]
            token = json.loads(body)["NextToken"]
            return body, post(endpoint, "DescribeProjects", json.dumps({"MaxResults": 2, "NextToken": token}))[2]

    assert all_pages() == all_pages()


LINES = [
    '{"source-ref":"s3://b/one.jpg","x":1,"x-metadata":{"class-name":"cat"},"cl-metadata":{"is_labeled":true}}',
    (
        '{"source-ref":"s3://b/two.jpg","b":{"annotations":[{"class_id":1}]},'
        '"b-metadata":{"class-map":{"0":"cat","1":"dog"}},"cl-errors":[{"code":"ERROR_INVALID_IMAGE"}]}'
    ),
    '{"source-ref":"s3://c/three.jpg"}',
]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"ContainsLabels": ["cat"]}, [0]),
        ({"ContainsLabels": ["dog", "cat"]}, [0, 1]),
        ({"Labeled": True}, [0, 1]),
        ({"Labeled": False}, [2]),
        ({"SourceRefContains": "s3://b/"}, [0, 1]),
        ({"HasErrors": True}, [1]),
        ({"HasErrors": False}, [0, 1, 2]),
        ({"Labeled": True, "SourceRefContains": "two"}, [1]),
    ],
)
def test_dataset_entries_can_be_filtered(params, expected):
    data = f"arn:aws:rekognition:us-east-1:{DEFAULT_ACCOUNT}:project/p/dataset/train/1690476084535"
    world = StaticWorld({}, datasets={data: Dataset({"Status": "CREATE_COMPLETE"}, LINES)})
    with Emulator(world) as endpoint:
        found, _ = listed(endpoint, "list_dataset_entries", "DatasetEntries", DatasetArn=data, **params)
    assert found == [LINES[index] for index in expected]


def test_datasets_in_the_making_are_not_ready():
    data = f"arn:aws:rekognition:us-east-1:{DEFAULT_ACCOUNT}:project/p/dataset/train/1690476084535"
    with Emulator(StaticWorld({}, datasets={data: Dataset({"Status": "CREATE_IN_PROGRESS"})})) as endpoint:
        rekognition = client("rekognition", endpoint)
        assert code_of(rekognition.list_dataset_entries, DatasetArn=data)[0] == "ResourceNotReadyException"
        assert code_of(rekognition.list_dataset_labels, DatasetArn=data)[0] == "ResourceNotReadyException"
        status = rekognition.describe_dataset(DatasetArn=data)["DatasetDescription"]["Status"]
    assert status == "CREATE_IN_PROGRESS"


def test_another_world_can_be_served_without_a_restart():
    one = StaticWorld({(DEFAULT_ACCOUNT, "us-east-1"): [({"ProjectArn": ARN}, [])]})
    with Emulator(one, page_size=1) as endpoint:
        rekognition = client("rekognition", endpoint)
        assert len(rekognition.describe_projects()["ProjectDescriptions"]) == 1
        endpoint.use(StaticWorld({(DEFAULT_ACCOUNT, "us-east-1"): [({"ProjectArn": ARN, "Status": "CREATED"}, [])]}))
        assert rekognition.describe_projects()["ProjectDescriptions"][0]["Status"] == "CREATED"


def test_policies_come_five_at_a_time():
    policies = [{"PolicyName": f"p{number}"} for number in range(7)]
    world = StaticWorld({(DEFAULT_ACCOUNT, "us-east-1"): [({"ProjectArn": ARN}, [])]}, project_policies={ARN: policies})
    with Emulator(world) as endpoint:
        found, pages = listed(endpoint, "list_project_policies", "ProjectPolicies", ProjectArn=ARN)
        rekognition = client("rekognition", endpoint)
        assert (
            code_of(rekognition.list_project_policies, ProjectArn=ARN, MaxResults=6)[0] == "InvalidParameterException"
        )
    assert (found, pages) == (policies, [5, 2])


def test_the_environment_sends_any_client_here(monkeypatch):
    with Emulator(RandomWorld(1, accounts=(SECOND,), projects=2)) as endpoint:
        for name, value in endpoint.environment(SECOND, "eu-west-1").items():
            monkeypatch.setenv(name, value)
        found = boto3.session.Session().client("rekognition").describe_projects()["ProjectDescriptions"]
        assert len(found) == 2
        assert found[0]["ProjectArn"].startswith(f"arn:aws:rekognition:eu-west-1:{SECOND}:")
        assert endpoint.environment()["AWS_ACCESS_KEY_ID"] == "testing"


def test_moto_starts_empty_each_time():
    with Emulator() as endpoint:
        client("s3", endpoint).create_bucket(Bucket="left-over")
    with Emulator() as endpoint:
        assert client("s3", endpoint).list_buckets()["Buckets"] == []


def test_moto_is_emptied_before_and_after_and_its_accounts_given_back():
    iam = moto_iam.iam_backends[DEFAULT_ACCOUNT]["aws"]
    look_up = moto_iam.get_account_id_from
    iam.create_group("before", "/")
    with Emulator() as endpoint:
        groups = client("iam", endpoint)
        assert groups.list_groups()["Groups"] == []
        groups.create_group(GroupName="during")
    assert moto_iam.iam_backends[DEFAULT_ACCOUNT]["aws"].groups == {}
    assert moto_iam.get_account_id_from == look_up


def test_one_at_a_time_in_a_process():
    with Emulator():
        second = Emulator()
        with pytest.raises(EmulatorError, match="another emulator runs"):
            second.start()
    with second as endpoint:
        assert client("rekognition", endpoint).describe_projects()["ProjectDescriptions"]


def test_a_taken_port_is_said_so_and_frees_the_process():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmulatorError, match=f"cannot listen on 127.0.0.1:{port}.*choose another port"):
            Emulator(port=port).start()
    with Emulator(port=port) as endpoint:
        assert endpoint.url == f"http://127.0.0.1:{port}"


def test_a_closed_emulator_does_not_listen_and_has_ended_its_connections():
    with Emulator() as endpoint:
        address = urlsplit(endpoint.url)
        connection = http.client.HTTPConnection(address.netloc)
        connection.request("POST", "/", body="{}", headers=headers("DescribeProjects"))
        connection.getresponse().read()
    assert connection.sock.recv(1) == b""
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port))
    endpoint.close()  # closing twice is allowed
    with pytest.raises(EmulatorError, match="not running"):
        _ = endpoint.url


def test_serving_forever_ends_when_it_is_closed():
    endpoint = Emulator().start()
    thread = threading.Thread(target=endpoint.serve_forever)
    thread.start()
    assert client("rekognition", endpoint).describe_projects()["ProjectDescriptions"]
    endpoint.close()
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_without_moto_the_worlds_still_import_and_the_emulator_says_what_to_install():
    program = (
        "import sys; sys.modules['moto'] = None\n"
        "from pipeline.emulator import Emulator, EmulatorError, RandomWorld\n"
        "assert RandomWorld().projects('111122223333', 'us-east-1')\n"
        "try:\n    Emulator()\n"
        "except EmulatorError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ)
    assert 'pip install "reklake[emulator]"' in done.stdout
