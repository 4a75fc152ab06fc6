"""Every fault of the emulator, seen through boto3 or a bare socket."""

from __future__ import annotations

import http.client
import json
import socket
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, PaginationError

from pipeline.emulator import DEFAULT_ACCOUNT, Emulator, Fault, StaticWorld
from tests.service.emulator_clients import post

PROJECT = f"arn:aws:rekognition:us-east-1:{DEFAULT_ACCOUNT}:project/many/1690474772815"
OTHER = f"arn:aws:rekognition:us-east-1:{DEFAULT_ACCOUNT}:project/few/1690474772816"
VERSIONS = [{"ProjectVersionArn": f"{PROJECT[:-14]}/version/v{number}/{number}"} for number in range(5)]
WORLD = StaticWorld(
    {
        (DEFAULT_ACCOUNT, "us-east-1"): [
            ({"ProjectArn": PROJECT}, VERSIONS),
            ({"ProjectArn": OTHER}, VERSIONS[:1]),
        ]
    }
)
KEY = "ProjectVersionDescriptions"


@pytest.fixture
def serve():
    running = []

    def start(*faults, **options):
        while running:
            running.pop().close()
        endpoint = Emulator(WORLD, faults=faults, **{"page_size": 2} | options).start()
        running.append(endpoint)
        return endpoint

    yield start
    for endpoint in running:
        endpoint.close()


def client(endpoint, attempts=1):
    return boto3.client(
        "rekognition",
        endpoint_url=endpoint.url,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="secret",  # noqa: S106  no one checks it
        config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
    )


def versions(endpoint, attempts=1, project=PROJECT):
    pages = client(endpoint, attempts).get_paginator("describe_project_versions").paginate(ProjectArn=project)
    return [[version["ProjectVersionArn"].split("/")[-1] for version in page[KEY]] for page in pages]


def raw(endpoint, operation="DescribeProjects", body=b"{}"):
    """All bytes that come back for one request, up to the end of the connection."""
    parts = urlsplit(endpoint.url)
    head = (
        f"POST / HTTP/1.1\r\nHost: {parts.netloc}\r\nX-Amz-Target: RekognitionService.{operation}\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=testing/20260601/us-east-1/rekognition/aws4_request\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(head.encode() + body)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head_received, _, body_received = received.partition(b"\r\n\r\n")
    lines = head_received.decode().split("\r\n")
    return int(lines[0].split()[1]), dict(line.split(": ", 1) for line in lines[1:]), body_received


def test_without_faults_the_pages_are_true(serve):
    assert versions(serve()) == [["0", "1"], ["2", "3"], ["4"]]


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("throttle", "ThrottlingException", 400),
        ("throttle_500", "ThrottlingException", 500),
        ("provisioned_throughput", "ProvisionedThroughputExceededException", 400),
        ("internal_error", "InternalServerError", 500),
        ("access_denied", "AccessDeniedException", 400),
        ("vanished", "ResourceNotFoundException", 400),
    ],
)
def test_errors_of_the_api(serve, kind, code, status):
    endpoint = serve(Fault(kind, operation="DescribeProjectVersions", project="many"))
    with pytest.raises(ClientError) as caught:
        versions(endpoint)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["Error"]["Message"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert caught.value.response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-errortype"] == code
    assert versions(endpoint, project=OTHER) == [["0"]]
    assert len(client(endpoint).describe_projects()["ProjectDescriptions"]) == 2
    assert (endpoint.calls[0].fault, endpoint.calls[0].status, endpoint.calls[0].error) == (
        kind,
        status,
        code,
    )
    assert endpoint.calls[-1].fault is None


@pytest.mark.parametrize("kind", ["throttle", "throttle_500", "provisioned_throughput", "internal_error", "reset"])
def test_what_passes_is_retried_by_boto3(serve, kind):
    endpoint = serve(Fault(kind, page=2, times=1))
    assert versions(endpoint, attempts=3) == [["0", "1"], ["2", "3"], ["4"]]
    assert len(endpoint.calls) == 4


def test_a_token_expires_in_the_middle_once(serve):
    endpoint = serve(Fault("expired_token"))
    with pytest.raises(ClientError, match="InvalidPaginationTokenException"):
        versions(endpoint)
    assert [call.page for call in endpoint.calls] == [1, 2]
    assert versions(endpoint) == [["0", "1"], ["2", "3"], ["4"]]


def test_a_cut_body_has_the_length_it_says(serve):
    status, headers, body = raw(serve(Fault("cut_body")))
    whole = raw(serve())[2]
    assert (status, int(headers["Content-Length"])) == (200, len(body))
    assert whole.startswith(body)
    assert len(body) == len(whole) // 2
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(body)


def test_boto3_takes_a_cut_body_for_the_end_of_the_listing(serve):
    endpoint = serve(Fault("cut_body", page=2))
    pages = client(endpoint).get_paginator("describe_project_versions").paginate(ProjectArn=PROJECT)
    assert [len(page.get(KEY, ())) for page in pages] == [2, 0]  # why the emulator can do this


def test_a_short_body_breaks_off(serve):
    endpoint = serve(Fault("short_body"))
    status, headers, body = raw(endpoint)
    assert status == 200
    assert 0 < len(body) < int(headers["Content-Length"])
    with pytest.raises(http.client.IncompleteRead):
        post(endpoint, "DescribeProjects")
    assert "ProjectDescriptions" not in client(endpoint).describe_projects()  # botocore does not check lengths


def test_an_html_page(serve):
    status, headers, body = raw(serve(Fault("html")))
    assert (status, headers["Content-Type"], int(headers["Content-Length"])) == (200, "text/html", len(body))
    assert body.startswith(b"<!DOCTYPE html>")


def test_a_reset_connection(serve):
    endpoint = serve(Fault("reset"))
    with pytest.raises(ConnectionResetError):
        raw(endpoint)
    with pytest.raises(ConnectionClosedError):
        client(endpoint).describe_projects()
    assert [(call.status, call.fault) for call in endpoint.calls] == [(0, "reset")] * 2


def test_a_raw_body_is_sent_as_it_is(serve):
    body = b'{"ProjectDescriptions":[{"Status":"\xff"}], "NextToken":NaN}'
    assert raw(serve(Fault("raw_body", body=body)))[2] == body
    fault = Fault("raw_body", body=b"slow down", status=503, content_type="text/plain")
    status, headers, sent = raw(serve(fault))
    assert (status, headers["Content-Type"], sent) == (503, "text/plain", b"slow down")


def test_latency_delays_the_true_answer(serve, monkeypatch):
    endpoint = serve(Fault("latency", seconds=2.5), latency=0.5)
    slept = []
    monkeypatch.setattr("pipeline.emulator.http_server.time.sleep", slept.append)
    assert versions(endpoint) == [["0", "1"], ["2", "3"], ["4"]]
    assert slept == [3.0] * 3


def test_closing_does_not_wait_for_late_answers(serve):
    endpoint = serve(Fault("latency", seconds=3600))
    parts = urlsplit(endpoint.url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nX-Amz-Target: RekognitionService.DescribeProjects\r\n"
            b"Authorization: Credential=k/20260601/us-east-1/rekognition/aws4_request\r\n"
            b"Content-Length: 2\r\n\r\n{}"
        )
        while not endpoint.calls:
            pass
        endpoint.close()


def test_an_empty_page_that_carries_a_token(serve):
    assert versions(serve(Fault("empty_page_with_token", page=1))) == [[], ["0", "1"], ["2", "3"], ["4"]]
    everywhere = versions(serve(Fault("empty_page_with_token")))
    assert everywhere == [[], ["0", "1"], [], ["2", "3"], [], ["4"]]


def test_the_last_token_can_be_empty(serve):
    endpoint = serve(Fault("empty_token"))
    assert versions(endpoint) == [["0", "1"], ["2", "3"], ["4"]]
    for number in range(10):  # without the fault, some of these listings end without the member
        body = json.dumps({"ProjectNames": ["few", f"nobody{number}"]}).encode()
        assert json.loads(raw(endpoint, "DescribeProjects", body)[2])["NextToken"] == ""


def test_the_same_token_comes_back(serve):
    endpoint = serve(Fault("repeat_token", page=2))
    with pytest.raises(PaginationError, match="same next token"):
        versions(endpoint)


def test_an_item_stands_on_both_sides_of_a_border(serve):
    assert versions(serve(Fault("repeat_item", page=2))) == [["0", "1"], ["1", "2"], ["3", "4"]]
    assert versions(serve(Fault("repeat_item"))) == [["0", "1"], ["1", "2"], ["2", "3"], ["3", "4"]]
    assert versions(serve(Fault("repeat_item"), page_size=1)) == [["0"], ["1"], ["2"], ["3"], ["4"]]


def test_rules_can_be_changed_while_it_runs(serve):
    endpoint = serve(Fault("access_denied"))
    with pytest.raises(ClientError, match="not authorized to perform: rekognition:DescribeProjectVersions"):
        versions(endpoint)
    endpoint.use(faults=[])
    assert versions(endpoint) == [["0", "1"], ["2", "3"], ["4"]]


def test_above_the_quota_calls_are_throttled(serve):
    endpoint = serve(tps=0.001)  # one call in a thousand seconds, for each operation by itself
    rekognition = client(endpoint)
    rekognition.describe_projects()
    with pytest.raises(ClientError, match=r"ThrottlingException.*Rate exceeded"):
        rekognition.describe_projects()
    assert rekognition.describe_project_versions(ProjectArn=PROJECT)[KEY]
    assert [call.error for call in endpoint.calls] == [None, "ThrottlingException", None]


def test_a_share_of_calls_is_throttled(serve):
    rule = Fault("throttle", probability=0.3)
    endpoint = serve(rule, seed=4)
    statuses = [raw(endpoint)[0] for _ in range(60)]
    assert 5 < statuses.count(400) < 35
    again = serve(rule, seed=4)
    assert [raw(again)[0] for _ in range(60)] == statuses
