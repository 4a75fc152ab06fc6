"""botocore's models of AWS's services: of every session's making, most of the time is reading them."""

from __future__ import annotations

from typing import Any

import botocore.loaders
import botocore.session

SERVICES = ("rekognition", "s3", "sts")


def read_once() -> None:
    """Have all sessions of this process, and of those forked from it, share what one has read."""
    loader: Any = botocore.loaders.create_loader()
    for service in SERVICES:
        loader.load_service_model(service, "service-2")
        loader.load_service_model(service, "endpoint-rule-set-1")
    for data in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        loader.load_data(data)
    botocore.session.create_loader = lambda *_: loader  # type: ignore[attr-defined]
