"""Real time, HTTP and Postgres: bots on accounts of their own at one simulated exchange, and workers for them."""

from __future__ import annotations

import threading
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, text

from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.records import Account, Balance
from infra.local.exchange.server import Server
from infra.local.exchange.times import RealClock, to_ms
from infra.local.exchange.traffic import Traffic
from tests.proofs.simulation.checks import Venue, differences, read_books
from tests.proofs.simulation.market import OWN_COINS, QUOTE, at, make_exchange
from tests.proofs.simulation.world import BOT, LEFT, Keys
from tradebot.exchange.ccxt_client import make_client, make_key_checker, make_wallet
from tradebot.models import ApiKey, BotConfig, BotState, KeyEnvironment, User
from tradebot.observability import logger, metrics
from tradebot.repositories.session import make_engine, session_scope
from tradebot.repositories.statement_counter import StatementCounter
from tradebot.security.credentials import Credentials, seal_credentials
from tradebot.security.secret import Secret
from tradebot.services.exchange_lines import ExchangeLines
from tradebot.services.run_bot import RunBot, TickReport
from tradebot.services.run_bot.steps import no_step
from tradebot.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.fixtures.database import TestDatabase
    from tests.proofs.simulation.market import Row


class Stage:
    """An exchange over HTTP, a database, and bots that each have an account."""

    def __init__(self, database: TestDatabase, rows: Sequence[Row]) -> None:
        self._level = logger().log_level
        logger().setLevel("CRITICAL")
        self.database = database
        self.exchange = make_exchange(rows, RealClock())
        self._server = Server(self.exchange, "127.0.0.1", 0)
        self.url = self._server.url
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.look = make_engine(Settings({"DATABASE_URL": database.superuser_url}))
        self.keys = Keys()
        with session_scope(self.look, None) as session:
            name = f"{uuid.uuid4()}@example.com"
            user = insert(User).values(email=name, hashed_password="x").returning(User.id)
            self.user_id = session.scalars(user).one()
            for table in (*LEFT, "bot_configs"):
                session.execute(text(f"DELETE FROM {table}"))
        #: What closes the lines and connections of the workers.
        self._open: list[Callable[[], None]] = []
        self._accounts: dict[int, str] = {}
        self._markets: dict[int, MarketKind] = {}

    def close(self) -> None:
        for close in self._open:
            close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.look.dispose()
        logger().setLevel(self._level)

    def add_bot(self, **values: Any) -> int:
        """Add a bot that is due, with a key and an account of its own."""
        name = f"key-{len(self._accounts)}"
        account = Account(name, "secret", futures={"USDT": QUOTE})
        account.spot = {"USDT": Balance(free=QUOTE), "BTC": Balance(free=OWN_COINS)}
        with self.exchange.lock:
            self.exchange.state.keep_account(account)
        with session_scope(self.look, None) as session:
            number = session.scalar(text("SELECT nextval(pg_get_serial_sequence('api_keys', 'id'))")) or 0
            sealed = seal_credentials(
                self.keys, Credentials(Secret(name), Secret("secret")), user_id=self.user_id, api_key_id=number
            )
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
            columns = {**BOT, "user_id": self.user_id, "api_key_id": number, **values}
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
        self._accounts[bot] = name
        self._markets[bot] = MarketKind(columns["position_type"])
        return bot

    def worker(self, step: Callable[[str], None] = no_step) -> Callable[[int, int], TickReport]:
        """Return what runs a tick, given a bot and a minute, as a process that has just begun."""
        engine = make_engine(self.database.settings("app_worker"))
        session = partial(session_scope, engine)
        self._open.append(engine.dispose)
        # Of its own for each: a hundred bots of one address would shed each other's entries.
        egress = f"worker {len(self._open)}"

        def client(*arguments: Any, **named: Any) -> Any:
            made: Any = make_client(*arguments, **named)
            self._open.append(made._transport._client.session.close)
            return made

        lines = ExchangeLines(session, self.keys, client, make_key_checker, make_wallet, lambda *_: self.url, egress)
        run_bot = RunBot(session, lines, "tick", StatementCounter(engine), step=step)

        def tick(bot: int, minute: int) -> TickReport:
            try:
                return run_bot(bot_config_id=bot, user_id=self.user_id, tick_at=at(minute), remaining_ms=lambda: 50_000)
            finally:
                metrics().clear_metrics()

        return tick

    def move_market(self, minute: int) -> None:
        with self.exchange.lock:
            self.exchange.advance(to_ms(at(minute)))
            # Its minutes pass in seconds here, and what the exchange says was used of a minute is believed.
            self.exchange.traffic = Traffic(self.exchange.clock, factor=100)

    def let_time_pass(self, seconds: int = 70) -> None:
        """Let leases and quiet times pass without waiting for them."""
        with session_scope(self.look, None) as session:
            session.execute(
                text("UPDATE bot_states SET lease_expires_at = lease_expires_at - :s * interval '1 second'"),
                {"s": seconds},
            )
            session.execute(text("UPDATE orders SET signed_at_ms = signed_at_ms - :ms"), {"ms": seconds * 1000})

    def venue(self, bot: int) -> Venue:
        return Venue(self.exchange, self._markets[bot], self._accounts[bot])

    def differences(self, bot: int) -> list[str]:
        """Return in what a bot's books and its account differ."""
        with self.exchange.lock:
            return differences(read_books(self.look, bot), self.venue(bot))


@contextmanager
def stage(database: TestDatabase, rows: Sequence[Row]) -> Iterator[Stage]:
    """Give a stage."""
    made = Stage(database, rows)
    try:
        yield made
    finally:
        made.close()


def rows_of(moves: Sequence[int | tuple[int, int, int]]) -> list[Row]:
    """Return minutes from the moves of their closes; a tuple names low and high besides, from the open."""
    rows: list[Row] = []
    price = 20_000
    for move in moves:
        change, low, high = move if isinstance(move, tuple) else (move, min(0, move), max(0, move))
        rows.append((price, price + high, price + low, price + change))
        price += change
    return rows
