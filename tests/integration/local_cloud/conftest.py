"""A local cloud of small templates, whose functions do what their events say."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import boto3
import pytest
from botocore.config import Config

from infra.local.cloud import LocalCloud

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATES = Path(__file__).resolve().parents[2] / "fixtures" / "templates"


@contextmanager
def small_cloud(state: Path, **options: Any) -> Iterator[LocalCloud]:
    """Start a cloud of the small templates."""
    settings: dict[str, Any] = {
        "foundation": TEMPLATES / "foundation.yaml",
        "template": TEMPLATES / "template.yaml",
        "stack_name": "small",
        "parameters": {"ProbeTimeout": "1"},
        "retry_delay_scale": 0.001,
        "max_processes": 3,
        "stop_seconds": 0.8,
        **options,
    }
    with LocalCloud(state, **settings) as cloud:
        yield cloud


class Clients(Protocol):
    """Makes a boto3 client of the cloud."""

    def __call__(self, service: str) -> Any: ...


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """One cloud for a module's tests."""
    with small_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
def client(cloud: LocalCloud) -> Iterator[Clients]:
    """Make boto3 clients as a function would, but without retries, so that a test sees each answer."""
    made: list[Any] = []

    def make(service: str) -> Any:
        config = Config(retries={"total_max_attempts": 1})
        made.append(
            boto3.client(service, endpoint_url=cloud.endpoint_url, region_name=cloud.region, config=config)  # type: ignore[call-overload]  # any service
        )
        return made[-1]

    yield make
    for each in made:
        each.close()
