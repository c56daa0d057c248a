"""The buckets of candles and of backtests' results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.bootstrap.aws_clients import s3_client
from tradebot.settings import load_settings

if TYPE_CHECKING:
    from tradebot.aws.object_store import ObjectStore


def candle_store() -> ObjectStore:
    """Return the bucket of packed candles (CANDLE_BUCKET)."""
    from tradebot.aws.object_store import S3ObjectStore

    return S3ObjectStore(s3_client, load_settings().candle_bucket)


def report_store() -> ObjectStore:
    """Return the bucket of backtests' results (REPORT_BUCKET)."""
    from tradebot.aws.object_store import S3ObjectStore

    return S3ObjectStore(s3_client, load_settings().report_bucket)
