"""Clients of an emulator: boto3's, and bare HTTP."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pipeline.emulator import DEFAULT_ACCOUNT

SECOND = "555566667777"
ARN = f"arn:aws:rekognition:us-east-1:{DEFAULT_ACCOUNT}:project/p/1690474772815"
BOTH = ["CUSTOM_LABELS", "CONTENT_MODERATION"]


def client(service, endpoint, key="testing", region="us-east-1", **credentials):
    credentials = {"aws_access_key_id": key, "aws_secret_access_key": "secret"} | credentials
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    return boto3.client(service, endpoint_url=endpoint.url, region_name=region, config=config, **credentials)


def listed(endpoint, operation, key, page_size=None, **params):
    """All items of a listing, and the calls' sizes."""
    made = client("rekognition", endpoint)
    pages = list(made.get_paginator(operation).paginate(**params, PaginationConfig={"PageSize": page_size}))
    made.close()
    return [item for page in pages for item in page[key]], [len(page[key]) for page in pages]


def headers(operation, key="testing", region="us-east-1"):
    return {
        "X-Amz-Target": f"RekognitionService.{operation}",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={key}/20260601/{region}/rekognition/aws4_request",
    }


def post(endpoint, operation, body="{}", sent=None):
    """One bare POST: status, headers, body."""
    connection = http.client.HTTPConnection(urlsplit(endpoint.url).netloc)
    connection.request("POST", "/", body=body, headers=headers(operation) if sent is None else sent)
    response = connection.getresponse()
    answer = response.status, response.headers, response.read()
    connection.close()
    return answer


def code_of(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
