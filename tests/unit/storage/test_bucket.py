"""Regions, endpoints, and answers that moto cannot give; everything else is in tests/service/test_s3_lake.py."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from botocore.awsrequest import AWSRequest, AWSResponse

from pipeline.errors import LakeError
from pipeline.lake.bucket import Bucket

LISTING = b"<ListBucketResult><Name>a-bucket</Name><IsTruncated>false</IsTruncated></ListBucketResult>"
MOVED = b"<Error><Code>PermanentRedirect</Code><Message>Elsewhere.</Message></Error>"


@pytest.fixture(autouse=True)
def no_aws_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


class Body(io.BytesIO):
    def stream(self):
        yield self.read()


class Service:
    """S3 as it answers for one bucket in eu-west-1; nothing leaves the machine."""

    def __init__(self, bucket: Bucket, *, names_region: bool = True, listing: bytes = LISTING) -> None:
        self.urls: list[str] = []
        self.names_region = names_region
        self.listing = listing
        bucket.client.meta.events.register("before-send.s3", self.answer)

    def answer(self, request: AWSRequest, **_) -> AWSResponse:
        self.urls.append(request.url.split("?")[0])
        if "eu-west-1" in request.url:
            return AWSResponse(request.url, 200, {}, Body(self.listing))
        headers = {"x-amz-bucket-region": "eu-west-1"} if self.names_region else {}
        if request.method == "HEAD":
            return AWSResponse(request.url, 301 if self.names_region else 403, headers, Body(b""))
        return AWSResponse(request.url, 301, headers, Body(MOVED))


@pytest.mark.parametrize("region", ["us-east-1", "ap-south-1", None])
def test_a_bucket_in_another_region_is_found(region: str | None, monkeypatch: pytest.MonkeyPatch):
    if region:
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    bucket = Bucket("a-bucket")
    service = Service(bucket)
    assert not bucket.holds_any("lake/")
    assert bucket.entries("lake/") == {}
    assert service.urls[-1] == "https://a-bucket.s3.eu-west-1.amazonaws.com/"
    assert len(service.urls) == 3  # once in the wrong region, then always in the right one


def test_a_region_that_s3_does_not_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket = Bucket("a-bucket")
    Service(bucket, names_region=False)
    with pytest.raises(
        LakeError, match=r"another region: set AWS_DEFAULT_REGION .*get-bucket-location --bucket a-bucket"
    ):
        bucket.holds_any("lake/")


def test_a_listing_that_stops_midway_is_no_listing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr("pipeline.lake.bucket.BODY_DELAYS", (0.001,))
    bucket = Bucket("a-bucket")
    service = Service(bucket, listing=LISTING.replace(b"false", b"true"))  # and no token for the next page
    for ask in (bucket.entries, bucket.sizes):
        with pytest.raises(LakeError, match="incomplete"):
            ask("lake/")
    assert len(service.urls) == 4


def test_an_endpoint_of_ones_own_is_part_of_a_lakes_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert Bucket("a-bucket").endpoint == ""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:9000")
    bucket = Bucket("a-bucket")
    assert bucket.endpoint == "http://localhost:9000"
    service = Service(bucket)
    with pytest.raises(LakeError):
        bucket.holds_any("lake/")
    assert service.urls[0] == "http://localhost:9000/a-bucket"
