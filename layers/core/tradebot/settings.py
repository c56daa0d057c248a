"""The only reader of the environment. Nothing is read at import: `load_settings()` is called by `bootstrap`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeVar, get_args
from urllib.parse import urlsplit

from tradebot.clock import MarketClockMode
from tradebot.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

DatabaseAuth = Literal["password", "iam"]
Choice = TypeVar("Choice", bound=str)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the deployment decides. A function has only what its template entry gives; asking for the rest raises."""

    environment: Mapping[str, str]

    def _required(self, name: str) -> str:
        value = self.environment.get(name, "")
        if not value:
            raise ConfigurationError(f"the environment variable {name} is missing: the template's function sets it")
        return value

    @property
    def database_url(self) -> str:
        """`postgresql://login[:password]@host[:port]/database[?sslmode=disable]`."""
        url = self._required("DATABASE_URL")
        parts = urlsplit(url)
        if parts.scheme not in {"postgresql", "postgres"} or not parts.hostname or len(parts.path) < 2:
            raise ConfigurationError(
                "DATABASE_URL does not parse: it has the form postgresql://login:password@host:5432/database"
            )
        return url

    @property
    def database_role(self) -> str | None:
        """The Postgres role that the function works as (app_api, app_worker, ...); None is the login itself."""
        return self.environment.get("DATABASE_ROLE") or None

    @property
    def database_auth(self) -> DatabaseAuth:
        """`password` is in the URL; `iam` is a token made for each connection."""
        return _one_of("DATABASE_AUTH", self.environment.get("DATABASE_AUTH") or "password", get_args(DatabaseAuth))

    @property
    def database_ca_file(self) -> str | None:
        """PEM file of the authorities that may have signed the server's certificate; None is the system's."""
        return self.environment.get("DATABASE_CA_FILE") or None

    @property
    def market_clock(self) -> MarketClockMode:
        """`real`, or `tick` where the market is replayed."""
        return _one_of("MARKET_CLOCK", self.environment.get("MARKET_CLOCK") or "real", get_args(MarketClockMode))

    def binance_url(self, environment: str, market: str) -> str:
        """Return the base URL (no path) of Binance's `spot` or `futures` API in `live` or `testnet`."""
        return self._required(f"BINANCE_{environment.upper()}_{market.upper()}_URL").rstrip("/")

    @property
    def exchange_egress(self) -> str:
        """Name of the address that this function's requests leave from: all functions behind one share its limits."""
        return self.environment.get("EXCHANGE_EGRESS") or "default"

    @property
    def credentials_key_id(self) -> str:
        """Id or ARN of the KMS key that wraps the data keys of exchange credentials."""
        return self._required("CREDENTIALS_KEY_ID")

    @property
    def bot_runner_function(self) -> str:
        """Name of the function that runs one tick of one bot."""
        return self._required("BOT_RUNNER_FUNCTION")

    @property
    def backtest_plan_function(self) -> str:
        """Name of the function that knows the markets that can be tested."""
        return self._required("BACKTEST_PLAN_FUNCTION")

    @property
    def backtest_state_machine(self) -> str:
        """ARN of the backtest workflow."""
        return self._required("BACKTEST_STATE_MACHINE")

    @property
    def candle_bucket(self) -> str:
        """Name of the bucket of packed candles."""
        return self._required("CANDLE_BUCKET")

    @property
    def report_bucket(self) -> str:
        """Name of the bucket of backtests' results."""
        return self._required("REPORT_BUCKET")

    @property
    def maintenance_function(self) -> str:
        """Name of the function that sends mail, among other things."""
        return self._required("MAINTENANCE_FUNCTION")

    @property
    def mail_sender(self) -> str:
        """The address that mail comes from; the mail service knows it as ours."""
        return self._required("MAIL_SENDER")

    @property
    def allowed_origins(self) -> frozenset[str]:
        """Origins, exact, whose pages may call the API from a browser."""
        return frozenset(self.environment.get("ALLOWED_ORIGINS", "").replace(",", " ").split())

    @property
    def tick_rule(self) -> str:
        """Name of the scheduled rule that fires the dispatcher."""
        return self._required("TICK_RULE")

    @property
    def token_secret_id(self) -> str:
        """Name or ARN of the secret that signs access tokens."""
        return self._required("TOKEN_SECRET_ID")

    @property
    def tracing_enabled(self) -> bool:
        """Whether X-Ray is on for this function."""
        return self.environment.get("TRACING") == "on"

    @property
    def region(self) -> str:
        """The AWS region that Lambda runs in."""
        return self._required("AWS_REGION")


def _one_of(name: str, value: str, allowed: tuple[Choice, ...]) -> Choice:
    for candidate in allowed:
        if candidate == value:
            return candidate
    raise ConfigurationError(f"{name} is {value!r}; it may be one of: {', '.join(allowed)}")


@cache
def load_settings() -> Settings:
    """Return the process's settings, read once."""
    return Settings(dict(os.environ))
