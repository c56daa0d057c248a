"""Trades in pages, and reports: every figure against a sum done here, to the last digit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.api.bodies import bot_body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.integration.api.backstage import Backstage
    from tests.integration.api.gateway import Client

BEGAN_AT = datetime(2023, 3, 13, 22, 0, tzinfo=UTC)
_orders = count(1)


@dataclass(frozen=True)
class Traded:
    """One row of `trades`."""

    at: datetime
    side: str
    price: Decimal
    quantity: Decimal
    commission: Decimal = Decimal(0)
    asset: str | None = "USDT"
    realized: Decimal | None = None

    @property
    def fee(self) -> Decimal:
        """The commission in quote."""
        if self.asset == "BTC":
            return (self.commission * self.price).quantize(Decimal("1e-8"), ROUND_CEILING)
        return self.commission if self.asset == "USDT" else Decimal(0)


def record(backstage: Backstage, client: Client, bot_id: int, trades: Sequence[Traded]) -> None:
    for trade in trades:
        backstage.run(
            "INSERT INTO trades (bot_config_id, user_id, binance_order_id, symbol, side, order_type, reason, price,"
            " quantity_filled, quote_quantity_filled, commission_amount, commission_asset, realized_pnl, timestamp)"
            " VALUES (:bot, :user, :order, 'BTCUSDT', :side, 'MARKET', :reason, :price, :quantity, :quote, :commission,"
            " :asset, :realized, :at)",
            bot=bot_id,
            user=client.user["id"],
            order=f"testnet-spot:BTCUSDT:{next(_orders)}",
            side=trade.side,
            reason="entry_signal" if trade.realized is None else "stop_loss",
            price=trade.price,
            quantity=trade.quantity,
            quote=trade.price * trade.quantity,
            commission=trade.commission,
            asset=trade.asset,
            realized=trade.realized,
            at=trade.at,
        )


def random_trades(seed: int, round_trips: int) -> list[Traded]:
    random = Random(seed)
    made: list[Traded] = []
    at = BEGAN_AT
    for _ in range(round_trips):
        price = Decimal(random.randint(2_000_000, 3_000_000)) / 100
        quantity = Decimal(random.randint(1, 99_999)) / 100_000
        pnl = Decimal(random.randint(-(10**10), 10**10)) / 10**8
        at += timedelta(minutes=random.randint(1, 90))
        made.append(Traded(at, "BUY", price, quantity, quantity / 1000, "BTC"))
        at += timedelta(minutes=random.randint(0, 90))
        asset = random.choice(["USDT", "BNB"])
        made.append(Traded(at, "SELL", price, quantity, Decimal(random.randint(1, 10**6)) / 10**8, asset, pnl))
    return made


def new_bot(client: Client, **changes: object) -> int:
    bot_id: int = client.post("/v1/bot-configs", bot_body(**changes)).json["id"]
    return bot_id


def report_of(client: Client, bot_id: int, **query: object) -> Any:
    answer = client.get(f"/v1/bot-reports/{bot_id}", **query)
    assert answer.status == 200, answer.body
    return answer.json


def drawdown(trades: Sequence[Traded], capital: Decimal) -> tuple[Decimal, Decimal]:
    equity = peak = capital
    deepest = ratio = Decimal(0)
    for trade in trades:
        equity += trade.realized or 0
        peak = max(peak, equity)
        deepest = max(deepest, peak - equity)
        ratio = max(ratio, (peak - equity) / peak)
    return deepest, ratio


@pytest.mark.parametrize("seed", range(3))
def test_a_report_is_the_sum_of_its_trades(alice: Client, backstage: Backstage, seed: int) -> None:
    capital = Decimal(1000)
    bot_id, other = new_bot(alice, initial_capital=str(capital)), new_bot(alice)
    trades = random_trades(seed, 40)
    record(backstage, alice, bot_id, trades)
    record(backstage, alice, other, random_trades(seed + 100, 3))
    report = report_of(alice, bot_id)
    pnls = [trade.realized for trade in trades if trade.realized is not None]
    deepest, ratio = drawdown(trades, capital)
    wins = [pnl for pnl in pnls if pnl > 0]
    losses = [pnl for pnl in pnls if pnl < 0]
    expected = {
        "realized_pnl": sum(pnls),
        "net_pnl": sum(pnls),
        "gross_profit": sum(wins),
        "gross_loss": sum(losses),
        "best_trade": max(pnls),
        "worst_trade": min(pnls),
        "max_drawdown": deepest,
        "fees": sum(trade.fee for trade in trades),
        "win_rate": round(Decimal(len(wins)) / len(pnls), 6),
        "profit_factor": round(sum(wins) / -sum(losses), 6),
        "max_drawdown_ratio": round(ratio, 6),
    }
    assert {name: Decimal(report[name]) for name in expected} == expected
    assert (report["trades"], report["round_trips"], report["wins"], report["losses"]) == (
        len(trades),
        len(pnls),
        len(wins),
        len(losses),
    )
    assert {fee["asset"]: Decimal(fee["amount"]) for fee in report["other_fees"]} == {
        "BNB": sum(trade.commission for trade in trades if trade.asset == "BNB")
    }
    assert report["first_trade_at"] == trades[0].at.isoformat().replace("+00:00", "Z")
    assert report["last_trade_at"] == trades[-1].at.isoformat().replace("+00:00", "Z")


def test_days_are_utc_and_sum_up_to_the_whole(alice: Client, backstage: Backstage) -> None:
    bot_id = new_bot(alice)
    trades = random_trades(7, 40)
    record(backstage, alice, bot_id, trades)
    report = report_of(alice, bot_id, days=366)
    by_day: dict[str, list[Traded]] = {}
    for trade in trades:
        by_day.setdefault(trade.at.date().isoformat(), []).append(trade)
    assert len(by_day) > 2
    assert [day["day"] for day in report["days"]] == sorted(by_day, reverse=True)
    for day in report["days"]:
        of_day = by_day[day["day"]]
        assert Decimal(day["realized_pnl"]) == sum(trade.realized or 0 for trade in of_day)
        assert Decimal(day["fees"]) == sum(trade.fee for trade in of_day)
        assert day["trades"] == len(of_day)
        assert day["wins"] == sum((trade.realized or 0) > 0 for trade in of_day)
    assert sum(Decimal(day["realized_pnl"]) for day in report["days"]) == Decimal(report["realized_pnl"])
    assert report_of(alice, bot_id, days=1)["days"] == report["days"][:1]


def test_a_bot_that_never_traded_has_a_report_of_nothing(alice: Client) -> None:
    report = report_of(alice, new_bot(alice))
    assert (report["trades"], report["realized_pnl"], report["fees"], report["max_drawdown"]) == (0, "0", "0", "0")
    assert {report[name] for name in ("win_rate", "profit_factor", "best_trade", "first_trade_at")} == {None}
    assert (report["days"], report["other_fees"], report["open_position"]) == ([], [], None)


def test_an_open_position_is_marked_and_shown_apart(alice: Client, backstage: Backstage) -> None:
    bot_id = new_bot(alice)
    record(backstage, alice, bot_id, [Traded(BEGAN_AT, "SELL", Decimal(24000), Decimal(1), realized=Decimal("-7.5"))])
    backstage.open_position(bot_id)
    report = report_of(alice, bot_id)
    assert report["open_position"] == {
        "side": None,
        "size": "0.5",
        "entry_price": "24000",
        "last_price": "24100",
        "unrealized_pnl": "50",
    }
    assert (report["realized_pnl"], report["unrealized_pnl"], report["net_pnl"]) == ("-7.5", "50", "42.5")
    assert report["max_drawdown"] == "7.5"
    assert report["max_drawdown_ratio"] is None, "without an initial capital there is nothing to relate it to"


def test_a_break_even_exit_is_neither_won_nor_lost(alice: Client, backstage: Backstage) -> None:
    bot_id = new_bot(alice)
    record(backstage, alice, bot_id, [Traded(BEGAN_AT, "SELL", Decimal(1), Decimal(1), realized=Decimal(0))])
    report = report_of(alice, bot_id)
    assert (report["round_trips"], report["wins"], report["losses"], report["win_rate"]) == (1, 0, 0, "0")


def test_trades_come_newest_first_page_by_page_each_once(alice: Client, backstage: Backstage) -> None:
    bot_id, other = new_bot(alice), new_bot(alice)
    # Several in the same instant: the id decides, and none is lost between two pages.
    record(backstage, alice, bot_id, [Traded(BEGAN_AT, "BUY", Decimal(n), Decimal(1)) for n in range(1, 8)])
    record(backstage, alice, other, random_trades(1, 2))
    seen: list[Any] = []
    query: dict[str, object] = {"bot_config_id": bot_id, "limit": 3}
    while True:
        page = alice.get("/v1/trades", **query).json
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert [trade["price"] for trade in seen] == ["7", "6", "5", "4", "3", "2", "1"]
    assert len(alice.get("/v1/trades", limit=200).json["items"]) == 11


def test_a_cursor_stays_good_while_new_trades_arrive(alice: Client, backstage: Backstage) -> None:
    bot_id = new_bot(alice)
    trades = [Traded(BEGAN_AT + timedelta(minutes=n), "BUY", Decimal(n + 1), Decimal(1)) for n in range(4)]
    record(backstage, alice, bot_id, trades)
    first = alice.get("/v1/trades", limit=2).json
    record(backstage, alice, bot_id, [Traded(BEGAN_AT + timedelta(days=1), "BUY", Decimal(99), Decimal(1))])
    second = alice.get("/v1/trades", limit=2, cursor=first["next_cursor"]).json
    assert [trade["price"] for trade in first["items"] + second["items"]] == ["4", "3", "2", "1"]
