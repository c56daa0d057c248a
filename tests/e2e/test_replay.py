"""Six hours of real BTCUSDT minutes, in which the price swung by 12 %, through the whole path."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from infra.local.machine import Machine
from infra.local.reconcile import Reconciliation, compare_balances, compare_trades
from infra.local.replay import FUNDS, market, real_candles, replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.local.replay import Replay

START = datetime(2023, 3, 13, 10, tzinfo=UTC)
END = datetime(2023, 3, 13, 16, tzinfo=UTC)
MINUTES = 360

pytestmark = [
    pytest.mark.skipif(not real_candles().is_file(), reason=f"the real candles are not here: {real_candles()}"),
    pytest.mark.xdist_group("replay"),
]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    state = tmp_path_factory.mktemp("replay")
    with Machine(state, market(real_candles(), START)) as machine:
        yield replay(machine, END)


def test_every_minute_was_replayed(outcome: Replay) -> None:
    assert outcome.minutes == MINUTES


def test_every_trade_is_one_execution_and_balances_and_profit_agree_to_the_last_decimal(outcome: Replay) -> None:
    assert outcome.reconciliation.findings == []


def test_enough_happened_to_prove_something_and_no_bot_reported_an_error(outcome: Replay) -> None:
    assert outcome.failures == []
    assert outcome.reconciliation.trades == sum(len(bot.trades) for bot in outcome.bots)


def test_a_quiet_replay_fails(outcome: Replay) -> None:
    quiet = replace(outcome, bots=[replace(bot, trades=bot.trades[:9]) for bot in outcome.bots])

    assert len(quiet.failures) == len(outcome.bots)


@pytest.mark.parametrize("column", ["quantity_filled", "price", "commission_amount"])
def test_a_difference_in_the_last_decimal_of_a_trade_is_found(outcome: Replay, column: str) -> None:
    bot = deepcopy(outcome.bots[0])
    executions = [_as_execution(trade) for trade in bot.trades]
    untouched, tampered = Reconciliation(), Reconciliation()
    compare_trades(untouched, bot, executions, "testnet")
    bot.trades[-1][column] = str(Decimal(bot.trades[-1][column]) + Decimal("1E-8"))
    compare_trades(tampered, bot, executions, "testnet")

    assert untouched.findings == []
    assert len(tampered.findings) == 1


def test_an_execution_that_no_trade_records_is_found(outcome: Replay) -> None:
    bot = outcome.bots[0]
    result = Reconciliation()
    compare_trades(result, replace(bot, trades=bot.trades[:-1]), map(_as_execution, bot.trades), "testnet")

    assert len(result.findings) == 1


@pytest.mark.parametrize("market_type", ["spot", "futures"])
def test_a_cent_that_is_missing_from_a_wallet_is_found(outcome: Replay, market_type: str) -> None:
    bot = next(bot for bot in outcome.bots if bot.market == market_type)
    result = Reconciliation()
    account = {"spot": {"USDT": {"free": "1", "locked": "0"}}, "futures": {"USDT": {"wallet": "1"}}, "positions": []}
    compare_balances(result, bot, FUNDS, account, "BTC")

    assert any("balance" in finding for finding in result.findings)
    assert any("realised PnL" in finding for finding in result.findings)


def _as_execution(trade: dict[str, str]) -> dict[str, str]:
    return {
        "order_id": trade["binance_order_id"].rpartition(":")[2],
        "quantity": trade["quantity_filled"],
        "price": trade["price"],
        "commission": trade["commission_amount"],
        "side": trade["side"],
        "commission_asset": trade["commission_asset"],
    }
