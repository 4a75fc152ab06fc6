from __future__ import annotations

import pytest
from botocore.exceptions import EndpointConnectionError, ProxyConnectionError

from pipeline.lake.s3_failures import explain


@pytest.mark.parametrize("url", ["http://user:planted@nowhere:9/x", "http://user:pl@anted@nowhere:9/x"])
def test_a_password_in_the_url_of_an_endpoint_or_a_proxy_is_hidden(url: str):
    for error in (EndpointConnectionError(endpoint_url=url), ProxyConnectionError(proxy_url=url, error="refused")):
        message = str(explain(error, "s3://bucket/lake"))
        assert "http://***@nowhere:9/x" in message
        assert "anted" not in message
