from __future__ import annotations

from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, HTTPClientError
from urllib3 import HTTPResponse
from urllib3.exceptions import ProtocolError, ReadTimeoutError, SSLError

from pipeline.extract.clients import config
from pipeline.extract.failures import is_passing
from pipeline.extract.response import BODY, PAGE
from pipeline.extract.wire import Wire

KEYS = Credentials("key", "secret", "token").get_frozen_credentials()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    session = boto3.Session("other", "other", region_name="us-east-1")
    return session.client("rekognition", config=config("rekognition"))


def answering(client: Any, status: int, body: bytes) -> list[Any]:
    """Let the client's connections answer so; returns the requests that come."""
    came: list[Any] = []

    def send(request: Any) -> AWSResponse:
        came.append(request)
        raw = HTTPResponse(BytesIO(body), preload_content=False, decode_content=False)
        return AWSResponse(request.url, status, {"x-amzn-requestid": "id-1"}, raw)

    client._endpoint.http_session.send = send
    return came


def test_a_call_says_what_a_clients_method_says(client: Any):
    body = b'{"ProjectDescriptions": [{}], "NextToken": "more"}'
    came = answering(client, 200, body)
    asked = {"MaxResults": 100, "Features": ["CUSTOM_LABELS"]}
    answer = Wire(client).call("DescribeProjects", asked, KEYS)
    client.describe_projects(**asked)
    ours, theirs = came
    assert (ours.method, ours.url, ours.body) == (
        theirs.method,
        theirs.url,
        theirs.body.replace(b": ", b":").replace(b", ", b","),
    )
    for name in ("Content-Type", "X-Amz-Target", "User-Agent"):
        said = theirs.headers[name]
        assert ours.headers[name] == (said if isinstance(said, str) else said.decode())
    assert ours.headers["X-Amz-Security-Token"] == "token"
    assert answer["ResponseMetadata"] == {"HTTPStatusCode": 200, "RequestId": "id-1"}
    assert answer[BODY] == body
    assert (answer[PAGE].token, answer[PAGE].items) == ("more", 1)


@pytest.mark.parametrize("status", [301, 400, 500])
@pytest.mark.parametrize("body", [b'{"__type": "ns#ThrottlingException", "message": "slow"}', b"<html>no</html>", b""])
def test_an_error_is_the_one_that_a_clients_method_raises(client: Any, status: int, body: bytes):
    answering(client, status, body)
    with pytest.raises(ClientError) as ours:
        Wire(client).call("DescribeProjects", {}, KEYS)
    with pytest.raises(ClientError) as theirs:
        client.describe_projects()
    assert type(ours.value) is type(theirs.value)
    assert str(ours.value) == str(theirs.value).replace(" (reached max retries: 0)", "")
    assert ours.value.response[BODY] == body


@pytest.mark.parametrize("error", [SSLError("bad record"), ProtocolError("broken"), ReadTimeoutError(None, "", "slow")])
def test_what_breaks_while_a_body_is_read_may_pass(client: Any, error: Exception):
    class Broken:
        def read(self, *_: Any) -> bytes:
            raise error

    def send(request: Any) -> AWSResponse:
        return AWSResponse(request.url, 200, {}, Broken())

    client._endpoint.http_session.send = send
    with pytest.raises(HTTPClientError) as raised:
        Wire(client).call("DescribeProjects", {}, KEYS)
    assert is_passing(raised.value)


def test_another_protocol_is_not_spoken(client: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(client.meta.service_model.metadata, "protocol", "smithy-rpc-v2-cbor")
    with pytest.raises(ValueError, match="cbor"):
        Wire(client)
