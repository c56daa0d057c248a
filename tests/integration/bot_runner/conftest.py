"""A bot, its key, Postgres as the worker sees it, and the simulated exchange as a process: everything a tick meets."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from sqlalchemy import Engine, insert, select, text

from infra.local.exchange_process import ExchangeProcess
from infra.local.state import Market
from tradebot.exchange.ccxt_client import make_client, make_key_checker, make_wallet
from tradebot.models import ApiKey, BotConfig, BotState, Fill, KeyEnvironment, Order, Trade, User
from tradebot.observability import metrics
from tradebot.repositories.session import session_scope
from tradebot.repositories.statement_counter import StatementCounter
from tradebot.security.credentials import Credentials, seal_credentials
from tradebot.security.data_keys import DataKey
from tradebot.security.secret import Secret
from tradebot.services.check_api_key import CheckApiKey
from tradebot.services.exchange_lines import ExchangeLines
from tradebot.services.run_bot import RunBot, TickReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Row

    from tests.fixtures.database import TestDatabase
    from tradebot.exchange.protocol import Account
    from tradebot.repositories.leases import Claim

BEGIN = datetime(2023, 1, 2, tzinfo=UTC)
#: Minutes of history before the first tick: what `PARAMETERS` need to warm up, on candles of 1 and of 5 minutes.
WARM_UP = 400
MINUTE = timedelta(minutes=1)
#: Fast settings: a cross follows a turn at once, and no RSI forbids anything.
PARAMETERS: dict[str, Any] = {
    "strategy": "ema",
    "ema_fast": 2,
    "ema_slow": 3,
    "rsi_period": 2,
    "rsi_oversold": 1,
    "rsi_overbought": 99,
    "stop_loss_perc": Decimal(2),
    "take_profit_perc": Decimal(4),
    "position_size_fixed": Decimal(1000),
    "initial_capital": Decimal(5000),
    "leverage": 5,
}


def at(minute: int) -> datetime:
    """Return the tick at which the candle `minute - 1` has just closed; 0 ends the warm-up."""
    return BEGIN + (WARM_UP + minute) * MINUTE


def traded(report: TickReport) -> tuple[str, ...]:
    """Return what a tick did, without its warm-up and without what it placed beside a position or took back."""
    silent = {"warmed_up", "stop:NEW", "take_profit:NEW", "cancelled_stop", "cancelled_take_profit"}
    return tuple(act for act in report.actions if act not in silent)


class KeysInMemory:
    """Stands for KMS, which is tested where keys are: one data key per context."""

    def __init__(self) -> None:
        self._keys: dict[bytes, bytes] = {}
        self.opened = 0

    def make(self, context: Mapping[str, str]) -> DataKey:
        key = DataKey(os.urandom(32), repr(sorted(context.items())).encode())
        self._keys[key.wrapped] = key.plaintext
        return key

    def open(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        assert wrapped == repr(sorted(context.items())).encode()
        self.opened += 1
        return self._keys[wrapped]


class FaultyLines(ExchangeLines):
    """Hands out accounts that misbehave in a prepared way."""

    wrap: Callable[[Account], Any]

    def account(self, claim: Claim) -> Account:
        account: Account = self.wrap(super().account(claim))
        return account


@dataclass
class World:
    """Bots and what they meet. `tick` moves the market first, then runs the bot."""

    exchange: ExchangeProcess
    engine: Engine
    look: Engine
    keys: KeysInMemory
    user_id: int = 0
    api_key_id: int = 0
    api_key: str = ""
    secret_key: str = ""
    lines: ExchangeLines = field(init=False)
    run_bot: RunBot = field(init=False)
    #: What the last tick measured and counted, by metric.
    emitted: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.counter = StatementCounter(self.engine)
        self.go_cold()

    def go_cold(self) -> None:
        """Replace the process's memory, as a new worker would have it."""
        self.use(self.new_lines())

    def new_lines(self, kind: type[ExchangeLines] = ExchangeLines) -> ExchangeLines:
        session = partial(session_scope, self.engine)
        return kind(session, self.keys, make_client, make_key_checker, make_wallet, lambda *_: self.exchange.url)

    def go_faulty(self, wrap: Callable[[Account], object]) -> None:
        """Replace the process's memory by one whose accounts misbehave."""
        lines = self.new_lines(FaultyLines)
        assert isinstance(lines, FaultyLines)
        lines.wrap = wrap
        self.use(lines)

    def use(self, lines: ExchangeLines) -> None:
        self.lines = lines
        self.run_bot = RunBot(partial(session_scope, self.engine), lines, "tick", self.counter)

    def check_key(self) -> bool:
        check = CheckApiKey(partial(session_scope, self.engine), self.lines)
        return check(api_key_id=self.api_key_id, user_id=self.user_id)

    def add_key(self, name: str, *, permissions: dict[str, bool] | None = None, is_valid: bool = True) -> None:
        self.api_key = f"key-{name}-{os.urandom(4).hex()}"
        self.secret_key = f"secret-{os.urandom(8).hex()}"
        funds: dict[str, Any] = {"spot": {"USDT": "10000"}, "futures": {"USDT": "10000"}}
        if permissions is not None:
            funds["permissions"] = permissions
        self.exchange.open_account(self.api_key, self.secret_key, funds)
        with session_scope(self.look, None) as session:
            self.api_key_id = session.scalar(text("SELECT nextval(pg_get_serial_sequence('api_keys', 'id'))")) or 0
            sealed = seal_credentials(
                self.keys,
                Credentials(Secret(self.api_key), Secret(self.secret_key)),
                user_id=self.user_id,
                api_key_id=self.api_key_id,
            )
            session.execute(
                insert(ApiKey).values(
                    id=self.api_key_id,
                    user_id=self.user_id,
                    environment=KeyEnvironment.LIVE,
                    is_valid=is_valid,
                    encrypted_api_key=sealed.encrypted_api_key,
                    encrypted_secret_key=sealed.encrypted_secret_key,
                    encrypted_data_key=sealed.encrypted_data_key,
                    key_hint=sealed.key_hint,
                )
            )

    def add_bot(self, **values: Any) -> int:
        columns = {
            "name": "bot",
            "symbol": "BTCUSDT",
            "timeframe": "1m",
            "user_id": self.user_id,
            "api_key_id": self.api_key_id,
            "is_active": True,
            **PARAMETERS,
            **values,
        }
        with session_scope(self.look, None) as session:
            bot: int = session.scalars(insert(BotConfig).values(**columns).returning(BotConfig.id)).one()
            session.execute(
                insert(BotState).values(
                    id=bot,
                    user_id=self.user_id,
                    status="starting",
                    next_run_at=datetime(1970, 1, 1, tzinfo=UTC),
                    started_at=datetime(2000, 1, 1, tzinfo=UTC),
                )
            )
        return bot

    def tick(self, bot: int, minute: int, *, remaining_ms: int = 50_000) -> TickReport:
        self.exchange.advance(at(minute))
        return self.deliver(bot, minute, remaining_ms=remaining_ms)

    def deliver(self, bot: int, minute: int, *, remaining_ms: int = 50_000) -> TickReport:
        """Run a tick without moving the market."""
        try:
            return self.run_bot(
                bot_config_id=bot, user_id=self.user_id, tick_at=at(minute), remaining_ms=lambda: remaining_ms
            )
        finally:
            self.emitted = {name: list(one["Value"]) for name, one in metrics().metric_set.items()}
            metrics().clear_metrics()  # as the end of an invocation does

    def ticks(self, bot: int, minutes: Sequence[int]) -> list[str]:
        """Run a tick per minute and return what they traded."""
        return [act for minute in minutes for act in traded(self.tick(bot, minute))]

    def sql(self, statement: str, **values: Any) -> None:
        with session_scope(self.look, None) as session:
            session.execute(text(statement), values)

    def expire_lease(self, bot: int) -> None:
        """Let the minute pass that a dead worker's lease still holds."""
        self.sql("UPDATE bot_states SET lease_expires_at = now() - interval '1 second' WHERE id = :bot", bot=bot)

    def age_orders(self, seconds: int = 30) -> None:
        """Let the quiet time pass for the orders that were signed."""
        self.sql("UPDATE orders SET signed_at_ms = signed_at_ms - :ms", ms=seconds * 1000)

    def state(self, bot: int) -> Row[Any]:
        with session_scope(self.look, None) as session:
            return session.execute(select(*BotState.__table__.columns).where(BotState.id == bot)).one()

    def is_active(self, bot: int) -> bool | None:
        with session_scope(self.look, None) as session:
            return session.scalar(select(BotConfig.is_active).where(BotConfig.id == bot))

    def orders(self) -> Sequence[Row[Any]]:
        """Return entries and exits."""
        return [order for order in self._all(Order) if not order.leg.is_protection]

    def protection(self) -> Sequence[Row[Any]]:
        """Return stops and take profits."""
        return [order for order in self._all(Order) if order.leg.is_protection]

    def resting(self) -> list[tuple[str, Decimal, Decimal]]:
        """Return the levels that rest by our records: leg, price and quantity."""
        return [
            (one.leg.value, one.stop_price or one.price, one.quantity)
            for one in self.protection()
            if one.status == "NEW"
        ]

    def trades(self) -> Sequence[Row[Any]]:
        return self._all(Trade)

    def fills(self) -> Sequence[Row[Any]]:
        return self._all(Fill)

    def _all(self, model: type[Order | Trade | Fill]) -> Sequence[Row[Any]]:
        with session_scope(self.look, None) as session:
            return session.execute(select(*model.__table__.columns).order_by(model.id)).all()

    def executions(self) -> list[dict[str, Any]]:
        return self.exchange.executions(self.api_key)

    def assert_ledger_matches_exchange(self) -> None:
        """Hold every fill in the database to one execution at the exchange, to the last decimal, and back."""
        ours = [
            (
                f.venue.split("-")[1],
                f.symbol,
                int(f.trade_id),
                f.side.value,
                f.price,
                f.quantity,
                f.quote_quantity,
                f.commission,
                f.commission_asset,
            )
            for f in self.fills()
        ]
        theirs = [
            (
                e["market"],
                e["symbol"],
                int(e["trade_id"]),
                e["side"],
                Decimal(e["price"]),
                Decimal(e["quantity"]),
                Decimal(e["quote_quantity"]),
                Decimal(e["commission"]),
                e["commission_asset"],
            )
            for e in self.executions()
        ]
        assert sorted(ours) == sorted(theirs)
        orders = {(e["market"], e["symbol"], int(e["order_id"])) for e in self.executions()}
        trades = {t.binance_order_id for t in self.trades()}
        assert trades == {f"live-{market}:{symbol}:{order}" for market, symbol, order in orders}


#: A minute's move, alone or with how far its range goes beyond it: upwards and downwards.
Move: TypeAlias = "int | tuple[int, int, int]"


def candles_csv(path: Path, moves: Sequence[Move]) -> Path:
    """Write one-minute klines: WARM_UP minutes that fall to 20,000 by 10 each, then the moves of each minute."""
    price = 20_000 + WARM_UP * 10
    with path.open("w") as file:
        for index, one in enumerate([*[-10] * WARM_UP, *moves]):
            move, above, below = (one, 0, 0) if isinstance(one, int) else one
            before, price = price, price + move
            low, high = min(before, price) - below, max(before, price) + above
            file.write(f"{(BEGIN + index * MINUTE).isoformat()},{before},{high},{low},{price},10\n")
    return path


@pytest.fixture
def make_world(
    tmp_path: Path, database: TestDatabase, engine_as: Callable[[str | None], Engine], migrated_engine: Engine
) -> Iterator[Callable[..., World]]:
    started: list[ExchangeProcess] = []

    def make(moves: Sequence[Move], role: str = "app_worker") -> World:
        csv = candles_csv(tmp_path / "BTCUSDT-1m.csv", moves)
        exchange = ExchangeProcess(tmp_path / "exchange", Market("csv", candles=csv, start=at(0)))
        exchange.start()
        started.append(exchange)
        world = World(exchange, engine_as(role), migrated_engine, KeysInMemory())
        with session_scope(migrated_engine, None) as session:
            user = insert(User).values(email="trader@example.com", hashed_password="x").returning(User.id)
            world.user_id = session.scalars(user).one()
        world.add_key("first")
        return world

    yield make
    for exchange in started:
        exchange.stop()
