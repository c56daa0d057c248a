"""One bot of a case through the real tick: Postgres as the worker sees it, ccxt, and the exchange in this process."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, text

from tests.fixtures.in_process_exchange import URL, InProcessAdapter
from tests.integration.bot_runner.conftest import KeysInMemory
from tests.proofs.parity.backtest import Row, backtest
from tests.proofs.parity.cases import MINUTE_MS
from tests.proofs.parity.venue import API_KEY, SECRET_KEY, make_exchange
from tradebot.domain.order import ExitReason, Leg, OrderStatus, OrderType
from tradebot.engine.candles import from_ms
from tradebot.exchange.ccxt_client import make_client, make_key_checker, make_wallet
from tradebot.models import ApiKey, BotConfig, BotState, KeyEnvironment, Order, Trade, User
from tradebot.observability import metrics
from tradebot.repositories.session import make_engine, session_scope
from tradebot.repositories.statement_counter import StatementCounter
from tradebot.security.credentials import Credentials, seal_credentials
from tradebot.security.secret import Secret
from tradebot.services.exchange_lines import ExchangeLines
from tradebot.services.run_bot import RunBot
from tradebot.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.local.exchange.exchange import Exchange
    from tests.fixtures.database import TestDatabase
    from tests.proofs.parity.backtest import Expected
    from tests.proofs.parity.cases import Case
    from tradebot.engine.candles import CandleArray
    from tradebot.exchange.transport import Venue

FUNCTION_MS = 60_000
#: Margin is insufficient; account has insufficient balance.
_TOO_LITTLE = ("(-2019)", "(-2010)")
#: Wire time for the shared request limit: a minute passes with every tick.
_LIMITS_FROM = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Played:
    """What the bot did, and what the backtest says of the same candles."""

    case: Case
    expected: Expected
    rows: list[Row] = field(default_factory=list)
    #: By the open at which the tick stood.
    statuses: dict[int, str] = field(default_factory=dict)
    memories: dict[int, dict[str, Any]] = field(default_factory=dict)
    ticks: int = 0
    missed: int = 0
    #: When the account could not carry an entry at the price that the market had moved to, which ends a case: a
    #: backtest knows no such refusal.
    refused_ms: int | None = None


class Stage:
    """A database and one worker's process; cases are played one after the other."""

    def __init__(self, database: TestDatabase) -> None:
        self._worker = make_engine(database.settings("app_worker"))
        self._look = make_engine(Settings({"DATABASE_URL": database.superuser_url}))
        self._keys = KeysInMemory()
        self._counter = StatementCounter(self._worker)
        self._clients: dict[tuple[str, str], Any] = {}
        self._exchange: Exchange | None = None
        self._now = _LIMITS_FROM

    def close(self) -> None:
        self._worker.dispose()
        self._look.dispose()

    def play(self, case: Case) -> Played:
        """Run the bot from its start to the last open."""
        candles = case.candles()
        warm_up = case.parameters().warm_up_candles
        start_ms = candles.open_time_ms[warm_up]
        self._exchange = exchange = make_exchange(case, candles, start_ms)
        self._forget()
        run_bot, lines = self._new_process()
        user, bot = self._add_bot(case)
        rules = lines.market("live", str(case.config["position_type"])).symbol_rules("BTCUSDT")
        played = Played(case, backtest(case, candles, rules))
        for at_ms in _tick_times(case, candles, warm_up, played):
            exchange.advance(at_ms)
            self._now += timedelta(minutes=1)
            report = run_bot(bot_config_id=bot, user_id=user, tick_at=from_ms(at_ms), remaining_ms=lambda: FUNCTION_MS)
            metrics().clear_metrics()  # as the end of an invocation does
            if "entry:REJECTED" in report.actions:
                self._require_too_little_money()
                played.refused_ms = at_ms
                break
            state = self._state(bot)
            if report.outcome != "done":
                raise AssertionError(f"the tick of {from_ms(at_ms)} ended {report.outcome}: {state.last_error_message}")
            played.ticks += 1
            played.statuses[at_ms], played.memories[at_ms] = state.status.value, state.strategy_state
        played.rows = self._rows(case)
        return played

    def _new_process(self) -> tuple[RunBot, ExchangeLines]:
        session = partial(session_scope, self._worker)
        lines = ExchangeLines(
            session, self._keys, self._client, make_key_checker, make_wallet, lambda *_: URL, now=lambda: self._now
        )
        return RunBot(session, lines, "tick", self._counter, sleep=_no_sleep), lines

    def _client(self, venue: Venue, environment: str, market: str, *, api_key: str = "", secret_key: str = "") -> Any:
        """Return a client of real ccxt; its making takes longer than a tick, and it remembers nothing of a venue."""
        client = self._clients.get((market, api_key))
        if client is None:
            client = make_client(venue, environment, market, api_key=api_key, secret_key=secret_key)
            self._clients[market, api_key] = client
        transport: Any = client._transport
        transport.venue = venue
        assert self._exchange is not None
        transport._client.session.mount(URL, InProcessAdapter(self._exchange))
        return client

    def _forget(self) -> None:
        """The exchange is another one now: its numbers begin anew, its candles are others."""
        with session_scope(self._look, None) as session:
            for table in ("users", "markets", "candle_series", "exchange_limits"):
                session.execute(text(f"DELETE FROM {table}"))

    def _add_bot(self, case: Case) -> tuple[int, int]:
        with session_scope(self._look, None) as session:
            user = session.scalars(
                insert(User).values(email="trader@example.com", hashed_password="x").returning(User.id)
            ).one()
            key = session.scalar(text("SELECT nextval(pg_get_serial_sequence('api_keys', 'id'))")) or 0
            sealed = seal_credentials(
                self._keys, Credentials(Secret(API_KEY), Secret(SECRET_KEY)), user_id=user, api_key_id=key
            )
            session.execute(
                insert(ApiKey).values(
                    id=key,
                    user_id=user,
                    environment=KeyEnvironment.LIVE,
                    is_valid=True,
                    encrypted_api_key=sealed.encrypted_api_key,
                    encrypted_secret_key=sealed.encrypted_secret_key,
                    encrypted_data_key=sealed.encrypted_data_key,
                    key_hint=sealed.key_hint,
                )
            )
            values = {**case.columns(), "user_id": user, "api_key_id": key, "is_active": True}
            bot = session.scalars(insert(BotConfig).values(**values).returning(BotConfig.id)).one()
            session.execute(
                insert(BotState).values(
                    id=bot, user_id=user, status="starting", next_run_at=from_ms(0), started_at=from_ms(0)
                )
            )
        return user, bot

    def _state(self, bot: int) -> Any:
        columns = (BotState.status, BotState.strategy_state, BotState.last_error_message)
        with session_scope(self._look, None) as session:
            return session.execute(select(*columns).where(BotState.id == bot)).one()

    def _require_too_little_money(self) -> None:
        with session_scope(self._look, None) as session:
            errors = session.scalars(
                select(Order.last_error).where(Order.status == OrderStatus.REJECTED, Order.leg == Leg.ENTRY)
            )
            strange = [error for error in errors if error is None or not error.endswith(_TOO_LITTLE)]
        assert not strange, strange

    def _rows(self, case: Case) -> list[Row]:
        statement = select(Trade, Order.leg).join(Order, Order.id == Trade.order_id).order_by(Trade.timestamp, Trade.id)
        with session_scope(self._look, None) as session:
            return [_row(case, trade, leg) for trade, leg in session.execute(statement)]


def _row(case: Case, trade: Trade, leg: Leg) -> Row:
    is_liquidation = trade.reason is not None and trade.reason.value == ExitReason.LIQUIDATION.value
    at_ms = int(trade.timestamp.timestamp() * 1000)
    return Row(
        at_ms // case.length_ms * case.length_ms,
        "entry" if leg is Leg.ENTRY else "exit",
        trade.position_side.value if trade.position_side is not None else "LONG",
        trade.reason.value if trade.reason is not None else "",
        trade.order_type in {OrderType.LIMIT, OrderType.LIMIT_MAKER},
        trade.price,
        trade.quantity_filled,
        trade.quote_quantity_filled,
        None if is_liquidation else trade.commission_amount,
        None if is_liquidation else trade.commission_asset,
        trade.realized_pnl,
    )


def _tick_times(case: Case, candles: CandleArray, warm_up: int, played: Played) -> Iterator[int]:
    """Yield when ticks come: at every open but those in a hole, and at some moments in between.

    Some opens get none: those at which nothing had to be sent or moved.
    """
    dice, opens, expected = Random(case.seed + 2), candles.open_time_ms, played.expected
    moves = bool(case.config.get("trailing_stop_active"))
    for number in range(warm_up, len(candles)):
        open_ms = opens[number]
        needed = number in {warm_up, len(candles) - 1} or open_ms in expected.busy_ms
        needed = needed or (moves and expected.memories[open_ms].position is not None)
        if not needed and dice.random() < case.missed:
            played.missed += 1
            continue
        yield open_ms
        if case.length_ms > MINUTE_MS and number + 1 < len(candles) and dice.random() < 0.2:
            yield open_ms + MINUTE_MS * dice.randrange(1, case.length_ms // MINUTE_MS)


def _no_sleep(seconds: float) -> None:
    del seconds


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the worker's log of thousands of ticks to itself."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def stage_on(database: TestDatabase) -> Iterator[Stage]:
    """Give a stage, closed afterwards."""
    stage = Stage(database)
    try:
        with quiet():
            yield stage
    finally:
        stage.close()
