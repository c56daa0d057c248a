"""A bot that traded by ticks, with orders and fills at the exchange, beside the backtest of the same hour."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from infra.local.demo import DEMO_FUNDS, DEMO_KEY
from infra.local.state import Market
from tests.integration.backtests.conftest import platform_on
from tests.integration.bot_runner.conftest import at, candles_csv
from tradebot.repositories.session import make_engine
from tradebot.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fixtures.database import TestDatabase
    from tests.integration.backtests.conftest import Platform

#: A turn upwards, which is entered at minute 2, and one downwards, which is left at minute 5.
ROUND_TRIP = [-10, 30, 30, 30, -60, -20, -20, -10, -10, -10]
LENGTH = len(ROUND_TRIP)
ENTRY, EXIT = 2, 5
BOT: dict[str, Any] = {
    "name": "turns",
    "symbol": "BTCUSDT",
    "timeframe": "1m",
    "strategy": "ema",
    "position_type": "spot",
    "ema_fast": 2,
    "ema_slow": 3,
    "rsi_period": 2,
    "rsi_oversold": 1,
    "rsi_overbought": 99,
    "stop_loss_perc": "2",
    "take_profit_perc": "4",
    "position_size_fixed": "1000",
    "initial_capital": "5000",
}
#: What happens in each round trip, and the causes of its entry's and its exit's differences.
EXPECTED: dict[str, list[list[str]]] = {
    "nothing": [[], []],
    "its tick is missed where it would enter": [["missed_tick"], ["follows"]],
    "it is stopped meanwhile": [["pause"], ["pause"]],
    "half of its entry fills": [["partial_fill"], ["follows"]],
    "half of its exit fills": [[], ["partial_fill"], ["partial_fill"]],
    "its tick is missed where it would leave": [[], ["delay", "slippage"]],
    "its user closes it": [[], ["manual"], ["follows"]],
}


class Hour:
    """A bot of the platform, and what happens to it minute by minute."""

    def __init__(self, platform: Platform) -> None:
        self._platform, self.api = platform, platform.api
        platform.exchange.open_account(DEMO_KEY.api_key, DEMO_KEY.secret_key, DEMO_FUNDS)
        key = self.api.checked_api_key("hour", DEMO_KEY.api_key, DEMO_KEY.secret_key)
        self.bot: int = self.api.call("POST", "/bot-configs", {**BOT, "api_key_id": key["id"]})["id"]

    def run(self) -> None:
        """Let every round trip of EXPECTED happen."""
        before: dict[tuple[int, int], Callable[[], object]] = {
            (0, 0): lambda: self._switch("start", 0),
            (2, 1): lambda: self._switch("stop", 2 * LENGTH + 1),
            (2, 8): lambda: self._switch("start", 2 * LENGTH + 8),
            (3, ENTRY): lambda: self._platform.exchange.limit_liquidity(taking="0.5"),
            (3, ENTRY + 1): self._platform.exchange.limit_liquidity,
            (4, EXIT): lambda: self._platform.exchange.limit_liquidity(taking="0.5"),
            (4, EXIT + 1): self._platform.exchange.limit_liquidity,
            (6, ENTRY + 1): lambda: self._switch("stop", 6 * LENGTH + EXIT + 1, position="close"),
        }
        missed = {(1, ENTRY), (5, EXIT)}
        for number in range(len(EXPECTED)):
            for minute in range(LENGTH):
                before.get((number, minute), lambda: None)()
                self._platform.exchange.advance(at(number * LENGTH + minute))
                if (number, minute) not in missed:
                    self._platform.cloud.fire_schedules(at(number * LENGTH + minute))
                    self._platform.cloud.drain(30.0)

    def _switch(self, verb: str, minute: int, **body: str) -> None:
        """Start or stop it; the audit log's clock is the database's, and the market stands years before that."""
        self.api.call("POST", f"/bot-runner/{self.bot}/{verb}", body or None)
        engine = make_engine(Settings({"DATABASE_URL": self._platform.database.superuser_url}))
        with engine.begin() as connection:
            connection.execute(
                text(
                    "UPDATE audit_events SET created_at = CAST(:at AS timestamptz)"
                    " WHERE object_id = :bot AND created_at > CAST(:at AS timestamptz) + interval '1 year'"
                ),
                {"at": at(minute), "bot": self.bot},
            )
        engine.dispose()

    def compared(self, **costs: str) -> list[dict[str, Any]]:
        """Return the pairs of a backtest of the hour."""
        span = {"start_date": at(0).isoformat(), "end_date": at(len(EXPECTED) * LENGTH - 1).isoformat()}
        accepted = self.api.call("POST", f"/bot-configs/{self.bot}/backtests", {**span, **costs})
        ended = self._platform.until(accepted["id"], "succeeded", "failed")
        assert ended["error_message"] is None
        pairs: list[dict[str, Any]] = self.api.call("GET", f"/backtests/{accepted['id']}/live")["pairs"]
        return pairs


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory, module_database: TestDatabase) -> Iterator[Hour]:
    folder = tmp_path_factory.mktemp("hour")
    csv = candles_csv(folder / "BTCUSDT-1m.csv", ROUND_TRIP * len(EXPECTED))
    with platform_on(folder, module_database, Market("csv", candles=csv, start=at(0))) as platform:
        made = Hour(platform)
        made.run()
        yield made


def told(pairs: list[dict[str, Any]]) -> list[list[str]]:
    return [[difference["cause"] for difference in pair["differences"]] for pair in pairs]


def test_each_difference_of_a_bot_from_its_backtest_has_its_cause(hour: Hour) -> None:
    pairs = hour.compared()
    by_trip: dict[str, list[list[str]]] = {name: [] for name in EXPECTED}
    details: dict[str, str] = {}
    for pair in pairs:
        side = pair["tested"] or pair["live"]
        number = next(n for n in reversed(range(len(EXPECTED))) if side["at"] >= at(n * LENGTH).isoformat()[:19])
        name = list(EXPECTED)[number]
        by_trip[name] += told([pair])
        details |= {f"{one['cause']} of {name}": one["detail"] for one in pair["differences"]}
    assert by_trip == EXPECTED, details


def test_costs_that_were_assumed_wrong_are_told_in_basis_points_and_in_money(hour: Hour) -> None:
    entry = hour.compared(slippage_bps="0", taker_fee_bps="7.5")[0]
    slippage, fee = entry["differences"]
    live, tested = entry["live"], entry["tested"]
    assert (slippage["cause"], fee["cause"]) == ("slippage", "fee_tier")
    assert slippage["detail"].startswith("It filled 2.00 basis points worse than the backtest")
    dearer = Decimal(live["price"]) - Decimal(tested["price"])
    assert Decimal(slippage["amount"]) == -dearer * Decimal(live["quantity"]) < 0
    assert fee["detail"] == "It paid 10.00 basis points, the backtest assumed 7.50."
    assert Decimal(fee["amount"]) == pytest.approx(-Decimal("0.00025") * Decimal(live["quote"]), rel=Decimal("0.01"))
