"""Credentials: each call is signed as its account, and those that run out are had again."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from urllib3 import HTTPResponse

from pipeline.extract.clients import Clients, Signer
from pipeline.extract.sessions import Sessions
from pipeline.extract.targets import Caller, Target
from pipeline.model.page import Scope
from pipeline.settings import AwsSettings


class Sts:
    """Gives keys that tell for which role and the how-manieth time they were given, and how long they last."""

    def __init__(self, lasting: timedelta) -> None:
        self.lasting = lasting
        self.asked: list[dict[str, Any]] = []

    def assume_role(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        key = f"{asked['RoleArn']}#{len(self.asked)}"
        expiration = datetime.now(UTC) + self.lasting
        given = {"AccessKeyId": key, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": expiration}
        return {"Credentials": given}


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Sessions:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "base")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "base")
    return Sessions(AwsSettings(external_id="outside", session_name="nightly"))


def signer(sessions: Sessions, sts: Sts, account: str = "111122223333") -> Signer:
    clients = Clients(sessions)
    clients._sts[None, "us-east-1"] = sts
    caller = Caller(account, None, f"role-in-{account}", "us-east-1")
    clients.of(Target(Scope("us-east-1", account), caller))
    return clients._signers[caller]


def test_a_role_is_assumed_at_the_first_call_and_not_again_while_its_credentials_last(sessions: Sessions):
    sts = Sts(timedelta(hours=1))
    one = signer(sessions, sts)
    assert sts.asked == []
    keys = {one.frozen().access_key for _ in range(5)}
    assert keys == {"role-in-111122223333#1"}
    assert sts.asked == [{"RoleArn": "role-in-111122223333", "RoleSessionName": "nightly", "ExternalId": "outside"}]


def test_credentials_that_run_out_are_had_again_in_a_long_run(sessions: Sessions):
    sts = Sts(timedelta(seconds=30))  # botocore renews what lasts less than ten minutes before it signs with it
    one = signer(sessions, sts)
    assert [one.frozen().access_key for _ in range(2)] == ["role-in-111122223333#2", "role-in-111122223333#3"]


def test_a_role_that_cannot_be_assumed_is_tried_once_for_all_its_regions():
    tried = []

    class Refusing:
        def get_frozen_credentials(self) -> None:
            tried.append(1)
            raise PermissionError("no")

    one = Signer(Refusing())
    refused = []

    def call() -> None:
        with pytest.raises(PermissionError):
            one.frozen()
        refused.append(1)

    threads = [threading.Thread(target=call) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(tried), len(refused)) == (1, 10)


def test_an_sts_that_was_out_of_reach_is_asked_again_after_a_while(monkeypatch: pytest.MonkeyPatch):
    from botocore.exceptions import ConnectTimeoutError

    tried = []

    class Passing:
        def get_frozen_credentials(self) -> str:
            tried.append(1)
            if len(tried) == 1:
                raise ConnectTimeoutError(endpoint_url="https://sts")
            return "credentials"

    one = Signer(Passing())
    for _ in range(3):
        with pytest.raises(ConnectTimeoutError):
            one.frozen()
    assert len(tried) == 1
    monkeypatch.setattr("pipeline.extract.clients.STS_PAUSE", 0.0)
    assert one.frozen() == "credentials"


def test_calls_of_one_client_are_signed_each_as_its_account(sessions: Sessions, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    clients = Clients(sessions)
    signed: dict[str, str] = {}
    shared = clients.shared("rekognition", None, "us-east-1")

    def note(request: Any, **_: Any) -> AWSResponse:
        said = request.headers["Authorization"]
        key = (said if isinstance(said, str) else said.decode()).split("Credential=")[1].split("/2")[0]
        signed[threading.current_thread().name] = key
        raw = HTTPResponse(BytesIO(b'{"ProjectDescriptions": []}'), preload_content=False)
        return AWSResponse(request.url, 200, {}, raw)

    shared.meta.events.register("before-send.rekognition", note)
    sts = Sts(timedelta(hours=1))
    clients._sts[None, "us-east-1"] = sts

    def call(account: str) -> None:
        caller = Caller(account, None, f"role-in-{account}", "us-east-1")
        client = clients.of(Target(Scope("us-east-1", account), caller))
        for _ in range(20):
            client.call("DescribeProjects", {})
            assert signed[threading.current_thread().name].startswith(f"role-in-{account}#")

    failures: list[BaseException] = []

    def guarded(account: str) -> None:
        try:
            call(account)
        except BaseException as error:  # noqa: BLE001  # shown below
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(f"{100000000000 + n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(signed) == 8
