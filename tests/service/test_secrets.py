"""Nothing secret is kept or said: keys, tokens, external ids and passwords that are planted are found nowhere."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline.cli import main
from pipeline.emulator import Fault
from tests.service.conftest import Served
from tests.service.worlds import ACCOUNT, OTHER, two_by_two

Serve = Callable[..., Served]

SECRETS = {
    "secret key": "plantedSecretKey/of+the+environment0000",
    "token": "plantedSessionToken//////////of+the+environment==",
    "key in a file": "plantedSecretKey/of+a+profile+file00000",
    "token in a file": "plantedSessionToken//////////of+a+profile+file==",
    "external id": "planted-external-id-0123456789",
    "password": "plantedPassw0rd",
    "assumed key": "plantedSecretKey/of+an+assumed+role0000",
    "assumed token": "plantedSessionToken//////////of+an+assumed+role==",
}
PLANTED = re.compile(rb"planted", re.IGNORECASE)
SIGNED = re.compile(
    rb"(authorization|x-amz-security-token)['\"]?\s*[:=](?!\s*(AWS4\S+\s+)?\*\*\*)|(credential|signature)=(?!\*\*\*)",
    re.IGNORECASE,
)
"""Headers that sign a request; their names may stand where their values are hidden."""
RELATIONS = "select table_schema, table_name from information_schema.tables"
ROLE = ("--account", ACCOUNT, "--account", OTHER, "--role", "Reader", "--external-id", SECRETS["external id"])
ASSUMED = (
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAPLANTED</AccessKeyId>"
    f"<SecretAccessKey>{SECRETS['assumed key']}</SecretAccessKey>"
    f"<SessionToken>{SECRETS['assumed token']}</SessionToken><Expira"
)
HEADERS = (
    f"x-amz-security-token:{SECRETS['token']}\nAuthorization: AWS4-HMAC-SHA256 Credential=plantedKey/20261123/"
    "us-east-1/rekognition/aws4_request, SignedHeaders=host;x-amz-date, Signature=planted0123456789abcdef"
)
MISMATCH = (
    f"The request signature we calculated does not match. The Canonical String should have been 'POST\n{HEADERS}'"
)


@contextmanager
def answering(status: int, body: str | None) -> Iterator[str]:
    """Yield the URL of an STS that answers everything with this body, or (None) with what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = body.encode() if body else b"<html>" + bytes(self.headers) + asked
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Planted:
    """A folder in which reklake is run, with secrets all around; what it says is kept beside."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capfd = capfd
        self.said = ""
        monkeypatch.chdir(folder)
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        (folder / "reklake.toml").write_text("[aws]\nrate = 1000\nmax_attempts = 1\nregions = ['us-east-1']\n")

    def plant(self, **environment: str) -> None:
        """To be called when the endpoint is there, whose own key would be used otherwise."""
        keys = {"AWS_SECRET_ACCESS_KEY": SECRETS["secret key"], "AWS_SESSION_TOKEN": SECRETS["token"]}
        for name, value in (keys | environment).items():
            self._monkeypatch.setenv(name, value)

    def run(self, *arguments: str) -> int:
        self._monkeypatch.setattr(sys, "argv", ["reklake", *arguments])
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        out, err = self._capfd.readouterr()
        self.said += f"$ reklake {arguments[0]}\n{out}{err}"
        return int(code)

    def run_all(self, *options: str) -> tuple[int, int, int]:
        """Sync, plan and doctor with the same options; what they end with."""
        asked = ("--log-format", "json", "--metrics-file", "reklake.prom")
        synced = self.run("sync", "--lake", "lake", *asked, *options)
        return synced, self.run("plan", "--lake", "lake", *options), self.run("doctor", "--lake", "lake", *options)

    def texts(self) -> Iterator[tuple[str, bytes]]:
        """Everything that was said or kept, by where; also what files hold compressed."""
        yield "streams", self.said.encode(errors="replace")
        for path in [*sorted((self.folder / "lake").rglob("*")), self.folder / "reklake.prom"]:
            if path.is_file():
                yield str(path), path.read_bytes()
            if path.suffix == ".parquet" and path.is_file():
                yield f"{path} (read)", b"\n".join(values(pq.read_table(path)))
        database = self.folder / "lake" / "lake.duckdb"
        if database.exists():
            with duckdb.connect(str(database), read_only=True) as con:
                con.execute(f"set file_search_path = '{database.parent}'")
                for schema, name in con.execute(RELATIONS).fetchall():
                    yield f"{schema}.{name}", str(con.execute(f'from "{schema}"."{name}"').fetchall()).encode()

    def check(self) -> None:
        for where, text in self.texts():
            for pattern in (PLANTED, SIGNED):
                hit = pattern.search(text)
                assert not hit, f"{where}: {text[max(0, hit.start() - 300) : hit.end() + 60]!r}"


def values(table: pa.Table) -> Iterator[bytes]:
    """Every text and every binary of a table, however deep."""
    for column in table.columns:
        yield from leaves(column.combine_chunks())


def leaves(array: pa.Array) -> Iterator[bytes]:
    kind = array.type
    if pa.types.is_dictionary(kind):
        yield from leaves(array.dictionary_decode())
    elif pa.types.is_struct(kind):
        for at in range(kind.num_fields):
            yield from leaves(pc.struct_field(array, at))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        yield from leaves(array.flatten() if not pa.types.is_map(kind) else array.items)
        if pa.types.is_map(kind):
            yield from leaves(array.keys)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        yield from (one if isinstance(one, bytes) else one.encode() for one in array.to_pylist() if one)


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Planted:
    return Planted(tmp_path, monkeypatch, capfd)


def test_what_is_searched_is_found(serve: Serve, planted: Planted):
    """A name in the world that is in every place where a secret could be."""
    serve(two_by_two())
    planted.plant()
    assert planted.run("sync", "--lake", "lake", "--metrics-file", "reklake.prom") == 0
    places = {where for where, text in planted.texts() if b"project/odd/" in text}
    assert {"main.projects", "main.project_versions"} <= places
    assert any("raw" in where and "(read)" in where for where in places)
    assert any("snapshots" in where and "(read)" in where for where in places)
    assert any(where.endswith(".json") for where, text in planted.texts() if b"us-east-1" in text)
    planted.said += SECRETS["token"]
    with pytest.raises(AssertionError, match="streams"):
        planted.check()


def test_good_runs(serve: Serve, planted: Planted):
    served = serve(two_by_two())
    planted.plant()
    assert planted.run_all(*ROLE)[0] == 0
    planted.run("sync", "--lake", "lake", "--log-format", "text", *ROLE)
    (first, *_) = sorted(path.stem for path in (planted.folder / "lake" / "runs").iterdir())
    planted.run("replay", first, "--lake", "lake", "--log-format", "json")
    for command in (("runs",), ("verify",), ("check",), ("runs", first, "--format", "json")):
        planted.run(*command, "--lake", "lake")
    assert served.endpoint.calls
    planted.check()


def test_a_profile_file(serve: Serve, planted: Planted, monkeypatch: pytest.MonkeyPatch):
    serve(two_by_two())
    planted.plant()
    lines = ["[work]", "aws_access_key_id = testing", f"aws_secret_access_key = {SECRETS['key in a file']}"]
    (planted.folder / "credentials").write_text(
        "\n".join([*lines, f"aws_session_token = {SECRETS['token in a file']}"])
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(planted.folder / "credentials"))
    assert planted.run_all("--profile", "work")[0] == 0
    assert planted.run_all("--profile", "wrok") == (2, 2, 1)
    (planted.folder / "credentials").write_text("\n".join(["no section", *lines]))
    assert planted.run_all("--profile", "work") == (2, 2, 1)
    planted.check()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("access_denied"),
        Fault("expired_token"),
        Fault("html"),
        Fault("reset"),
        Fault("raw_body", body=f"<html>{HEADERS}".encode(), content_type="text/html"),
        Fault("raw_body", body=HEADERS.encode(), status=500, content_type="text/html"),
    ],
    ids=lambda fault: f"{fault.kind}{fault.status if fault.body else ''}",
)
def test_calls_that_fail(serve: Serve, planted: Planted, fault: Fault):
    serve(two_by_two(), faults=[fault])
    planted.plant()
    planted.run_all(*ROLE)
    planted.check()


@pytest.mark.parametrize("code", ["InvalidSignatureException", "IncompleteSignature", "AccessDeniedException", "Odd"])
def test_an_answer_that_repeats_the_request(serve: Serve, planted: Planted, code: str):
    """AWS does, where a signature does not match: the token of the session is in it."""
    message = MISMATCH.replace("\n", "\\n")
    body = f'{{"__type": "{code}", "message": "{message}"}}'.encode()
    serve(two_by_two(), faults=[Fault("raw_body", body=body, status=400)])
    planted.plant()
    assert planted.run_all(*ROLE)[0] == 1
    assert "does not match" in planted.said
    planted.check()


@pytest.mark.parametrize(
    "sts", [(200, ASSUMED), (200, None), (403, None), (500, ASSUMED)], ids=["cut", "page", "403", "500"]
)
def test_an_sts_whose_answer_is_cut_or_is_none(
    serve: Serve, planted: Planted, sts: tuple[int, str | None], monkeypatch: pytest.MonkeyPatch
):
    """A cut answer has the role's new keys in it."""
    monkeypatch.setattr("pipeline.extract.clients.STS_ATTEMPTS", 1)
    serve(two_by_two())
    with answering(*sts) as url:
        planted.plant(AWS_ENDPOINT_URL_STS=url)
        assert planted.run_all(*ROLE)[0] == 1
        assert planted.run_all()[0] in {0, 2}  # a project tells the account
    planted.check()


def test_an_sts_that_says_that_the_signature_does_not_match(
    serve: Serve, planted: Planted, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipeline.extract.clients.STS_ATTEMPTS", 1)
    serve(two_by_two())
    said = f"<Error><Code>SignatureDoesNotMatch</Code><Message>{MISMATCH}</Message></Error>"
    with answering(403, f"<ErrorResponse>{said}</ErrorResponse>") as url:
        planted.plant(AWS_ENDPOINT_URL_STS=url)
        assert planted.run_all(*ROLE)[0] == 1
        assert planted.run_all("--organization", "--role", "Reader")[0] == 2
    planted.check()


def test_a_role_that_cannot_be_assumed(serve: Serve, planted: Planted):
    serve(two_by_two(), refused=[OTHER])
    planted.plant()
    assert planted.run_all(*ROLE)[0] == 3
    planted.check()


@pytest.mark.parametrize(
    "url", [f"http://user:{SECRETS['password']}@127.0.0.1:9", f"http://user:p@{SECRETS['password']}@127.0.0.1:9"]
)
@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "HTTP_PROXY"])
def test_a_password_in_the_url_of_an_endpoint_or_a_proxy(
    serve: Serve, planted: Planted, variable: str, url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipeline.extract.clients.STS_ATTEMPTS", 1)
    serve(two_by_two())
    planted.plant(**{variable: url})
    assert planted.run_all("--account", ACCOUNT)[0] == 1
    assert planted.run_all(*ROLE)[0] == 1
    assert planted.run_all()[0] == 2
    assert "***@" in planted.said
    planted.check()


def test_no_log_is_configured_that_would_hold_signed_requests(serve: Serve, planted: Planted):
    """botocore's debug log has headers in it; where it goes is for whoever turns it on to say."""
    serve(two_by_two())
    planted.plant()
    names = ("", "botocore", "boto3", "urllib3", "reklake", "pipeline")
    loggers = [logging.getLogger(name) for name in names]
    before = [(one.level, list(one.handlers), one.propagate, one.disabled) for one in loggers]
    assert planted.run_all(*ROLE)[0] == 0
    assert [(one.level, list(one.handlers), one.propagate, one.disabled) for one in loggers] == before
