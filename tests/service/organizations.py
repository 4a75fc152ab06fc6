"""An organization in the emulator, and an endpoint that refuses to tell of one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3


class Organization:
    """An organization whose management account is the emulator's default one; made through its own API."""

    def __init__(self, url: str) -> None:
        self.client: Any = boto3.client(
            "organizations",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",  # noqa: S106  # opens nothing
        )
        self.client.create_organization(FeatureSet="ALL")
        self.root = self.client.list_roots()["Roots"][0]["Id"]

    def unit(self, name: str, parent: str | None = None) -> str:
        made = self.client.create_organizational_unit(ParentId=parent or self.root, Name=name)
        return str(made["OrganizationalUnit"]["Id"])

    def account(self, name: str, unit: str | None = None) -> str:
        made = self.client.create_account(AccountName=name, Email=f"{name}@example.com")
        account = str(made["CreateAccountStatus"]["AccountId"])
        if unit:
            self.client.move_account(AccountId=account, SourceParentId=self.root, DestinationParentId=unit)
        return account

    def close(self, account: str) -> None:
        self.client.close_account(AccountId=account)


@contextmanager
def refusing(code: str, message: str) -> Iterator[str]:
    """Yield the URL of an endpoint whose answer to everything is this error."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.dumps({"__type": code, "message": message}).encode()
            self.send_response(400)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
