"""AWS's clients, one per process; boto3 is loaded by the first."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient
    from types_boto3_kms import KMSClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_s3 import S3Client
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_stepfunctions import SFNClient


@cache
def kms_client() -> KMSClient:
    """Return the process's KMS client."""
    import boto3

    return boto3.client("kms")


@cache
def secrets_client() -> SecretsManagerClient:
    """Return the process's Secrets Manager client."""
    import boto3

    return boto3.client("secretsmanager")


@cache
def lambda_client() -> LambdaClient:
    """Return the process's Lambda client, with a connection for each thread of the dispatcher."""
    import boto3
    from botocore.config import Config

    return boto3.client("lambda", config=Config(max_pool_connections=32))


@cache
def events_client() -> EventBridgeClient:
    """Return the process's EventBridge client."""
    import boto3

    return boto3.client("events")


@cache
def s3_client() -> S3Client:
    """Return the process's S3 client, with a connection for each month of candles that loads side by side."""
    import boto3
    from botocore.config import Config

    # Links are given out, and only the newest signature carries a link for the regions of after 2014.
    return boto3.client("s3", config=Config(signature_version="s3v4"))


@cache
def step_functions_client() -> SFNClient:
    """Return the process's Step Functions client."""
    import boto3

    return boto3.client("stepfunctions")


@cache
def ses_client() -> Any:
    """Return the process's SES client."""
    import boto3

    return boto3.client("sesv2")
