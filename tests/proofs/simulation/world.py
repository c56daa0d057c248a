"""A process's share of the simulation: one database, a bot per history, workers, and templates of bots in state."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, text

from tests.proofs.simulation.clock import VirtualClock, virtual_time
from tests.proofs.simulation.database import simulated_database
from tests.proofs.simulation.market import API_KEY, SECRET_KEY, at, make_exchange
from tests.proofs.simulation.worker import Run, Worker, let_ticks_meet
from tradebot.models import ApiKey, BotConfig, BotState, KeyEnvironment, User
from tradebot.observability import logger
from tradebot.repositories import bot_states
from tradebot.repositories.session import make_engine, session_scope
from tradebot.security.credentials import Credentials, seal_credentials
from tradebot.security.data_keys import DataKey
from tradebot.security.secret import Secret
from tradebot.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.local.exchange.exchange import Exchange
    from tests.fixtures.database import TestDatabase, TestServer

#: Wire time at which a history begins. The market is of another year: the two clocks share nothing but their pace.
WIRE_BEGINS_MS = 1_800_000_000_000
BOT: dict[str, Any] = {
    "name": "bot",
    "symbol": "BTCUSDT",
    "timeframe": "1m",
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
    "leverage": 3,
    "is_active": True,
}
#: Of a bot's rows all that a history leaves behind: the next one's exchange counts its ids anew.
LEFT = (
    "fills",
    "trades",
    "orders",
    "findings",
    "funding",
    "transfers",
    "outbox",
    "candles",
    "candle_series",
    "exchange_limits",
)


class Keys:
    """Stands for KMS, which is tested where keys are."""

    def __init__(self) -> None:
        self._keys: dict[bytes, bytes] = {}

    def make(self, context: Mapping[str, str]) -> DataKey:
        key = DataKey(os.urandom(32), repr(sorted(context.items())).encode())
        self._keys[key.wrapped] = key.plaintext
        return key

    def open(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        del context
        return self._keys[wrapped]


class World:
    """What the histories of one process share."""

    def __init__(self, database: TestDatabase, clock: VirtualClock) -> None:
        self.clock = clock
        self.look = make_engine(Settings({"DATABASE_URL": database.superuser_url}))
        self.keys = Keys()
        self.exchange: Exchange
        self.workers = [Worker(database, self.keys, clock, lambda: self.exchange, f"worker {n}") for n in range(3)]
        self._templates: dict[tuple[str, str], dict[str, Any]] = {}
        with session_scope(self.look, None) as session:
            user = insert(User).values(email="trader@example.com", hashed_password="x").returning(User.id)
            self.user_id = session.scalars(user).one()
        self.api_key_id = self._add_key()
        for market in ("spot", "futures"):
            for timeframe in ("1m", "3m"):
                # All at once: what a history meets in the shared listing must not depend on the one before it.
                kind = {"position_type": market, "timeframe": timeframe}
                self._templates[market, timeframe] = self._warmed_up(kind)

    def close(self) -> None:
        for worker in self.workers:
            worker.close()
        self.look.dispose()

    def _add_key(self) -> int:
        with session_scope(self.look, None) as session:
            number = session.scalar(text("SELECT nextval(pg_get_serial_sequence('api_keys', 'id'))")) or 0
            credentials = Credentials(Secret(API_KEY), Secret(SECRET_KEY))
            sealed = seal_credentials(self.keys, credentials, user_id=self.user_id, api_key_id=number)
            session.execute(
                insert(ApiKey).values(
                    id=number,
                    user_id=self.user_id,
                    environment=KeyEnvironment.LIVE,
                    is_valid=True,
                    encrypted_api_key=sealed.encrypted_api_key,
                    encrypted_secret_key=sealed.encrypted_secret_key,
                    encrypted_data_key=sealed.encrypted_data_key,
                    key_hint=sealed.key_hint,
                )
            )
        return number

    def add_bot(self, **values: Any) -> int:
        """Add a bot that has warmed up and is due."""
        return self._insert(values, self._templates[values["position_type"], values["timeframe"]])

    def _warmed_up(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the state of a bot after its first tick, which trades nothing."""
        self.clock.ms = WIRE_BEGINS_MS
        self.exchange = make_exchange([(20_000,) * 4] * 2, self.clock)
        start = {"status": "starting", "next_run_at": datetime(1970, 1, 1, tzinfo=UTC)}
        bot = self._insert(values, start)
        run = Run(at(0))
        worker = self.workers[0]
        worker.start_process()
        worker.begin(run, bot, self.user_id)
        assert run.report is not None, run.error
        assert run.report.outcome == "done", (run.report, run.names, self._message(bot))
        with session_scope(self.look, None) as session:
            state = session.execute(select(*BotState.__table__.columns).where(BotState.id == bot)).one()._asdict()
        self.forget(bot)
        left_out = {"id", "user_id", "last_updated_at", "lease_expires_at"}
        return {name: value for name, value in state.items() if name not in left_out}

    def _message(self, bot: int) -> str | None:
        with session_scope(self.look, None) as session:
            return session.scalar(select(BotState.last_error_message).where(BotState.id == bot))

    def _insert(self, values: dict[str, Any], state: dict[str, Any]) -> int:
        columns = {**BOT, "user_id": self.user_id, "api_key_id": self.api_key_id, **values}
        with session_scope(self.look, None) as session:
            bot: int = session.scalars(insert(BotConfig).values(**columns).returning(BotConfig.id)).one()
            started = datetime(2000, 1, 1, tzinfo=UTC)
            session.execute(insert(BotState).values(id=bot, user_id=self.user_id, **{"started_at": started, **state}))
        return bot

    def forget(self, bot: int) -> None:
        """Delete a bot and all that a history has written."""
        with session_scope(self.look, None) as session:
            for table in LEFT:
                session.execute(text(f"DELETE FROM {table}"))
            session.execute(text("DELETE FROM bot_configs WHERE id = :bot"), {"bot": bot})

    def forget_bans(self) -> None:
        """Let what the exchange has forgiven be forgiven in the database too."""
        with session_scope(self.look, None) as session:
            session.execute(text("DELETE FROM exchange_limits"))

    def switch(self, bot: int, *, starts: bool, closes: bool = False) -> None:
        """Do what the API does when the user starts or stops a bot."""
        with session_scope(self.look, None) as session:
            session.execute(text(f"SET LOCAL proof.now = '{self.clock.ms / 1000:.3f}'"))
            active = session.execute(
                text("UPDATE bot_configs SET is_active = :on WHERE id = :bot AND is_active <> :on RETURNING id"),
                {"on": starts, "bot": bot},
            ).all()
            if active:
                if starts:
                    bot_states.start_bot(session, self.user_id, bot)
                else:
                    bot_states.stop_bots(session, self.user_id, [bot], closing=closes)


@contextmanager
def simulated_world(server: TestServer) -> Iterator[World]:
    """Give a world of this process."""
    level = logger().log_level
    logger().setLevel("CRITICAL")
    let_ticks_meet()
    clock = VirtualClock(WIRE_BEGINS_MS)
    with simulated_database(server) as database, virtual_time(clock):
        world = World(database, clock)
        try:
            yield world
        finally:
            world.close()
            logger().setLevel(level)
