"""One call on the wire: signed and sent by botocore, without what a client's method does in between.

A method looks up the endpoint by rules, emits a dozen events and parses by the service's model, which takes longer than
to sign a call and to read a page of 280 kB. Nothing of it is needed for bodies that are kept as they came. Parameters
are validated, and errors parsed and raised, as a method would.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import HTTPClientError, ParamValidationError
from botocore.parsers import create_parser
from botocore.response import StreamingBody
from botocore.validate import ParamValidator
from urllib3.exceptions import HTTPError

from pipeline.extract.response import BODY, HTTP_REDIRECT, PAGE, examine

PROTOCOL = "json"
"""How Rekognition speaks: a POST of JSON, and a header that names the operation."""


class Wire:
    """The connections of one client, used directly. Thread-safe."""

    def __init__(self, client: Any) -> None:
        """AttributeError or ValueError where the client is not as those that are known."""
        model = client.meta.service_model
        if model.metadata["protocol"] != PROTOCOL:
            raise ValueError(model.metadata["protocol"])
        self._client = client
        self._model = model
        self._validator = ParamValidator()
        self._session = client._endpoint.http_session  # noqa: SLF001  # proxies, certificates, timeouts as configured
        self._url = client.meta.endpoint_url.rstrip("/") + "/"
        self._headers = {
            "Content-Type": f"application/x-amz-json-{model.metadata['jsonVersion']}",
            "User-Agent": client.meta.config.user_agent,
        }

    def call(self, operation: str, parameters: Mapping[str, Any], credentials: Any) -> dict[str, Any]:
        """Make one attempt; returns the body (BODY), what it was found to be (PAGE) and ResponseMetadata.

        Raises what boto3 raises: ParamValidationError, ClientError, or what became of the connection.
        """
        report = self._validator.validate(parameters, self._model.operation_model(operation).input_shape)
        if report.has_errors():  # an ARN that AWS itself listed, and would not take back
            raise ParamValidationError(report=report.generate_report())
        request = AWSRequest(
            "POST",
            self._url,
            headers={**self._headers, "X-Amz-Target": f"{self._model.metadata['targetPrefix']}.{operation}"},
            data=msgspec.json.encode(parameters),
        )
        SigV4Auth(credentials, self._model.signing_name, self._client.meta.region_name).add_auth(request)
        request.stream_output = True  # the session would read it in pieces, and copy each twice
        answer = self._session.send(request.prepare())
        try:
            body: bytes = StreamingBody(answer.raw, answer.headers.get("content-length")).read()
        except HTTPError as error:  # what botocore's reader lets through, and its session would not have
            raise HTTPClientError(error=error) from error
        if answer.status_code >= HTTP_REDIRECT:
            raise self._error(operation, answer, body)
        said = {"HTTPStatusCode": answer.status_code, "RequestId": answer.headers.get("x-amzn-requestid", "")}
        return {"ResponseMetadata": said, BODY: body, PAGE: examine(body, operation)}

    def _error(self, operation: str, answer: Any, body: bytes) -> Exception:
        given = {"status_code": answer.status_code, "headers": answer.headers, "body": body}
        parsed = create_parser(PROTOCOL).parse(given, self._model.operation_model(operation).output_shape)
        parsed[BODY] = body
        kind = self._client.exceptions.from_code(parsed.get("Error", {}).get("Code"))
        error: Exception = kind(parsed, operation)
        return error
