"""The whole platform at DEBUG behind its HTTP gateway, seen from outside; every call to an AWS service is noted."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import pytest

from infra.local.api_client import TOKEN
from infra.local.cloud.mailbox import read_mail
from infra.local.machine import Machine
from infra.local.state import Market
from tests.fixtures.candles import write_minutes
from tests.fixtures.database import TestDatabase, TestServer, connected, copied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from infra.local.cloud.wire import Request

#: The market has two days of minutes; it stands a day after their beginning, so that there is a past to test over.
BEGIN = datetime(2023, 3, 10, tzinfo=UTC)
NOW = BEGIN + timedelta(days=1)
MINUTES = 2 * 1440
#: What is refused for coming too fast would not be looked at.
UNTHROTTLED = {"ApiRateLimit": "100000", "ApiBurstLimit": "100000"}


@dataclass
class Surface:
    """What runs, what was seen of it, and where its rows are."""

    machine: Machine
    database: TestDatabase
    folder: Path
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the API answers."""
        return self.machine.cloud.api_url

    def mailed_token(self, address: str) -> str:
        """Return the token of the last mail to an address, once maintenance has sent what waits."""
        self.machine.cloud.drain(60)
        mails = [mail for mail in read_mail(self.machine.cloud.state_directory) if address in mail["to"]]
        found = [token for mail in mails for token in TOKEN.findall(mail["body"])]
        assert found, f"no token was mailed to {address}"
        return str(found[-1])

    def tick(self, minutes: int = 1) -> None:
        """Let market minutes pass."""
        for _ in range(minutes):
            self.machine.tick(self.machine.exchange.market_time() + timedelta(minutes=1))

    def run(self, statement: str, **parameters: Any) -> list[Any]:
        """Run a statement past row level security."""
        with connected(self.database.superuser_url) as connection:
            return list(connection.run(statement, **parameters) or ())

    def client(self, service: str) -> Any:
        """Return a client of the local cloud, which is not one of the functions' roles."""
        return boto3.client(
            service,  # type: ignore[call-overload]  # any service
            endpoint_url=self.machine.cloud.endpoint_url,
            region_name=self.machine.cloud.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


@pytest.fixture(scope="module")
def surface(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: TestServer, template_database: str
) -> Iterator[Surface]:
    """Give the one platform that every test of this folder talks to."""
    folder = tmp_path_factory.mktemp("surface")
    candles = write_minutes(folder / "BTCUSDT-1m.csv", BEGIN, MINUTES)
    seen: list[Request] = []
    with copied(postgres_server, template_database) as database:
        machine = Machine(
            folder / "state",
            Market("csv", candles=candles, start=BEGIN),
            parameters={"LogLevel": "DEBUG", **UNTHROTTLED},
            observe=seen.append,
        )
        with pytest.MonkeyPatch.context() as environment:
            environment.setitem(os.environ, "DATABASE_URL", database.url)
            machine.__enter__()
        try:
            machine.exchange.advance(NOW)
            yield Surface(machine, database, folder, seen)
        finally:
            machine.__exit__(None, None, None)
