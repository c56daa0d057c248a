"""Many bots behind one address: no ban, nothing sent before Retry-After, no exit or stop shed for anything.

The real tick handler, real ccxt and real Postgres, in as many processes' worth of lines as there are workers; the
simulated exchange answers in process and counts weight in a wire time that passes with each request and jumps to the
next minute with each tick. All bots want to enter in the same minute, and all want to leave in the same minute.

`python -m tests.proofs.no_ban` runs the full count and shows its progress.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, text

from infra.local.exchange.command_line import make_market
from infra.local.exchange.exchange import Exchange
from infra.local.exchange.faults import Fault, FaultKind
from infra.local.exchange.records import Account, Balance
from infra.local.exchange.settings import Settings as ExchangeSettings
from infra.local.exchange.state import State
from infra.local.exchange.times import from_ms, to_ms
from infra.local.exchange.traffic import Traffic
from infra.local.postgres import FAST_AND_LOSE_ON_POWER_FAILURE, EmbeddedPostgres
from infra.local.state import state_root
from tests.fixtures.database import TestServer, copied, made_template
from tests.fixtures.in_process_exchange import URL, InProcessAdapter, ManualClock
from tradebot.exchange.ccxt_client import make_client, make_key_checker, make_wallet
from tradebot.models import ApiKey, BotConfig, BotState, KeyEnvironment, User
from tradebot.observability import logger, metrics
from tradebot.repositories.session import make_engine, session_scope
from tradebot.repositories.statement_counter import StatementCounter
from tradebot.security.credentials import Credentials, seal_credentials
from tradebot.security.data_keys import DataKey
from tradebot.security.secret import Secret
from tradebot.services.exchange_lines import ExchangeLines
from tradebot.services.run_bot import RunBot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.fixtures.database import TestDatabase
    from tradebot.exchange.transport import Venue

BEGIN = datetime(2023, 1, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
#: The market falls for days, rises for one candle of five minutes, then falls: it is bought at the close of the one and
#: sold at that of the next. The first tick stands a minute before the first of them.
FALL, CANDLE = 2_000, 5
FIRST_TICK = FALL + CANDLE - 1
#: Wire time that a request takes, and a tick besides.
REQUEST_MS = 20
#: While positions are held: the exchange answers 429 with so much Retry-After for no reason of ours.
THROTTLED_MINUTE, THROTTLED_MS = 4, 45_000
#: After a 429 others learn of it within 0.1 s, and what left just then arrives.
LEARNT_MS = 100 + 2 * REQUEST_MS
#: The exchange lets five stops of one symbol rest in an account.
BOTS_PER_ACCOUNT = 4
SETTINGS: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "timeframe": "5m",
    "strategy": "ema",
    "ema_fast": 2,
    "ema_slow": 3,
    "rsi_period": 2,
    "rsi_oversold": 1,
    "rsi_overbought": 99,
    "stop_loss_perc": Decimal(40),
    "take_profit_perc": Decimal(80),
    "position_size_fixed": Decimal(100),
    "initial_capital": Decimal(5000),
}


@dataclass
class Figures:
    """What was seen."""

    bots: int
    ticks: int
    weight_per_minute: int
    seconds: float = 0.0
    actions: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    #: Bots that were told so: exits or stops had to wait for request weight.
    protection_shed: int = 0
    #: Requests that left although the exchange's Retry-After was known.
    sent_before_retry_after: int = 0
    requests: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    weights: list[int] = field(default_factory=list)

    def verdict(self) -> list[str]:
        """Return what is wrong; empty is a pass."""
        broken = {
            "answers of 418": self.refused["418"],
            "requests sent before Retry-After": self.sent_before_retry_after,
            "times exits or stops were shed": self.protection_shed,
            "minutes beyond the limit": sum(weight > self.weight_per_minute for weight in self.weights),
        }
        seen = {
            "entries": (self.actions["entry:FILLED"], self.bots // 4),
            "entries shed": (self.actions["entry_shed"], self.bots // 10),
            "stops placed": (self.actions["stop:NEW"], self.bots // 4),
            "exits": (self.actions["exit:FILLED"], self.bots // 4),
            "looks deferred": (self.actions["look_deferred"], self.bots // 10),
            "answers of 429": (self.refused["429"], 1),
        }
        wrong = [f"{count} {what}" for what, count in broken.items() if count]
        wrong += [f"only {count} {what} of at least {least}" for what, (count, least) in seen.items() if count < least]
        if self.actions["exit:FILLED"] != self.actions["entry:FILLED"]:
            wrong.append("not every position was left in the minute that said so")
        return wrong

    def lines(self) -> list[str]:
        """Return the figures as text."""
        limit = f"{self.weight_per_minute} of weight a minute"
        late = f"sent before Retry-After {self.sent_before_retry_after}"
        return [
            f"{self.bots} bots x {self.ticks} ticks in {self.seconds:.0f} s, {limit}: {self.requests} requests",
            f"  weight by minute {self.weights}",
            f"  actions {dict(self.actions)}",
            f"  outcomes {dict(self.outcomes)}",
            f"  refused by the exchange {dict(self.refused)}; {late}, exits and stops shed {self.protection_shed}",
        ]


class KeysInMemory:
    """Stands for KMS."""

    def __init__(self) -> None:
        self._keys: dict[bytes, bytes] = {}

    def make(self, context: Mapping[str, str]) -> DataKey:
        key = DataKey(os.urandom(32), repr(sorted(context.items())).encode())
        self._keys[key.wrapped] = key.plaintext
        return key

    def open(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        del context
        return self._keys[wrapped]


class Crowd:
    """Bots, their exchange and the processes that run their ticks."""

    def __init__(self, database: TestDatabase, folder: Path, bots: int, workers: int, weight_per_minute: int) -> None:
        self.database = database
        self.clock = ManualClock(to_ms(BEGIN))
        self.account_count = -(-bots // BOTS_PER_ACCOUNT)
        self.exchange = self._open_exchange(folder, self.account_count)
        self.exchange.traffic = Traffic(self.clock)
        self.exchange.traffic.weights["spot"] = weight_per_minute
        self.keys = KeysInMemory()
        self._clock_lock = threading.Lock()
        self.look = make_engine(type(database.settings())({"DATABASE_URL": database.superuser_url}))
        self.ids: list[int] = []
        self.sent_before_retry_after = 0
        self.user_id = 0
        self._fill(bots)
        self.engines = [self.look]
        # Two processes that take turns: who comes next knows of a ban only what the row says.
        self.runners = [(self._runner(), self._runner()) for _ in range(workers)]

    @staticmethod
    def _open_exchange(folder: Path, accounts: int) -> Exchange:
        path = folder / "BTCUSDT-1m.csv"
        price, rows = 50_000, []
        for index, move in enumerate([-10] * FALL + [60] * CANDLE + [-90] * 100):
            before, price = price, price + move
            stamp = (BEGIN + index * MINUTE).isoformat()
            rows.append(f"{stamp},{before},{max(before, price)},{min(before, price)},{price},10")
        path.write_text("\n".join(rows) + "\n")
        start_ms = to_ms(BEGIN + FIRST_TICK * MINUTE)
        settings = ExchangeSettings(market="csv", csv=path, start_ms=start_ms)
        exchange = Exchange(settings, make_market(settings), State(None))
        for number in range(accounts):
            account = Account(f"key-{number}", f"secret-{number}", spot={"USDT": Balance(free=Decimal(1_000_000))})
            exchange.state.keep_account(account)
        exchange.state.commit()
        return exchange

    def _fill(self, bots: int) -> None:
        with session_scope(self.look, None) as session:
            user = insert(User).values(email="crowd@example.com", hashed_password="x").returning(User.id)
            self.user_id = session.scalars(user).one()
            accounts = []
            for number in range(self.account_count):
                key_id = session.scalar(text("SELECT nextval(pg_get_serial_sequence('api_keys', 'id'))")) or 0
                sealed = seal_credentials(
                    self.keys,
                    Credentials(Secret(f"key-{number}"), Secret(f"secret-{number}")),
                    user_id=self.user_id,
                    api_key_id=key_id,
                )
                accounts.append(key_id)
                session.execute(
                    insert(ApiKey).values(
                        id=key_id,
                        user_id=self.user_id,
                        environment=KeyEnvironment.LIVE,
                        is_valid=True,
                        encrypted_api_key=sealed.encrypted_api_key,
                        encrypted_secret_key=sealed.encrypted_secret_key,
                        encrypted_data_key=sealed.encrypted_data_key,
                        key_hint=sealed.key_hint,
                    )
                )
            for number in range(bots):
                columns = {**SETTINGS, "name": f"bot {number}", "user_id": self.user_id, "is_active": True}
                columns["api_key_id"] = accounts[number % self.account_count]
                bot = session.scalars(insert(BotConfig).values(**columns).returning(BotConfig.id)).one()
                long_ago = datetime(1970, 1, 1, tzinfo=UTC)
                state = {"id": bot, "user_id": self.user_id, "status": "starting", "next_run_at": long_ago}
                # As if each had been compared at some time of the last quarter of an hour.
                compared_at = BEGIN + (FIRST_TICK - number % 15) * MINUTE
                session.execute(insert(BotState).values(**state, started_at=long_ago, reconciled_at=compared_at))
                self.ids.append(bot)

    def _runner(self) -> RunBot:
        """Return what one process has: an engine, lines to the exchange, warm between its ticks."""
        engine = make_engine(self.database.settings("app_worker"))
        self.engines.append(engine)
        session = partial(session_scope, engine)
        lines = ExchangeLines(
            session,
            self.keys,
            self._client,
            make_key_checker,
            make_wallet,
            lambda *_: URL,
            now=lambda: from_ms(self.clock.now_ms()),
        )
        return RunBot(session, lines, "tick", StatementCounter(engine))

    def _client(self, venue: Venue, environment: str, market: str, *, api_key: str = "", secret_key: str = "") -> Any:
        client = make_client(venue, environment, market, api_key=api_key, secret_key=secret_key)
        adapter = InProcessAdapter(self.exchange)
        adapter.watch = self._watch
        client._transport._client.session.mount(URL, adapter)
        return client

    def _pass_time(self) -> None:
        with self._clock_lock:
            self.clock.sleep(REQUEST_MS)

    def _watch(self, _wire: object) -> None:
        self._pass_time()
        with self._clock_lock:
            now_ms = self.clock.now_ms()
            blocked = self.exchange.traffic._refusals.values()
            late = any(one.since_ms + LEARNT_MS < now_ms < one.until_ms for one in blocked)
            self.sent_before_retry_after += late

    def tick_all(self, minute: int, seed: int) -> list[tuple[str, tuple[str, ...]]]:
        """Run every bot's tick of a minute, shared out among the processes in an order of the seed's."""
        at = BEGIN + (FIRST_TICK + minute) * MINUTE
        with self.exchange.lock:
            self.exchange.advance(to_ms(at))
            self.exchange.state.commit()
        self.clock.at_ms = max(self.clock.at_ms, to_ms(BEGIN + minute * MINUTE))
        waiting = list(self.ids)
        random.Random(seed * 1_000 + minute).shuffle(waiting)
        lock = threading.Lock()

        def work(processes: tuple[RunBot, RunBot]) -> list[tuple[str, tuple[str, ...]]]:
            done: list[tuple[str, tuple[str, ...]]] = []
            while True:
                with lock:
                    if not waiting:
                        return done
                    bot = waiting.pop()
                self._pass_time()
                run = processes[len(done) % 2]
                report = run(bot_config_id=bot, user_id=self.user_id, tick_at=at, remaining_ms=lambda: 50_000)
                done.append((report.outcome, report.actions))
                metrics().clear_metrics()  # the hundredth would be written out

        with ThreadPoolExecutor(len(self.runners)) as pool:
            return [one for part in pool.map(work, self.runners) for one in part]

    def shed_protection(self) -> int:
        """Return how many bots were refused what is not an entry, in their last tick."""
        with session_scope(self.look, None) as session:
            found: int = session.execute(
                text("SELECT count(*) FROM bot_states WHERE last_error_message LIKE '%Nothing more is asked%'")
            ).scalar_one()
            return found

    def weight_of_this_minute(self) -> int:
        """Return the weight that the exchange has counted."""
        return self.exchange.traffic._windows.get(("spot", "weight in process"), (0, 0))[1]

    def close(self) -> None:
        """Give everything back."""
        for engine in self.engines:
            engine.dispose()
        self.exchange.state.close()


def prove(
    database: TestDatabase,
    folder: Path,
    *,
    bots: int = 500,
    ticks: int = 10,
    workers: int = 8,
    weight_per_minute: int = 6_000,
    seed: int = 1,
    say: Callable[[str], None] | None = None,
) -> Figures:
    """Run the ticks and return what was seen."""
    figures = Figures(bots, ticks, weight_per_minute)
    began = time.monotonic()
    crowd = Crowd(database, folder, bots, workers, weight_per_minute)
    try:
        for minute in range(ticks):
            if minute == THROTTLED_MINUTE:
                fault = Fault(FaultKind.THROTTLE, milliseconds=THROTTLED_MS, skip=bots // 2, count=1)
                crowd.exchange.faults.add(fault)
            for outcome, actions in crowd.tick_all(minute, seed):
                figures.outcomes[outcome] += 1
                figures.actions.update(actions)
            figures.protection_shed += crowd.shed_protection()
            figures.weights.append(crowd.weight_of_this_minute())
            if say is not None:
                say(f"no ban: tick {minute + 1} of {ticks}, {time.monotonic() - began:.0f} s, {dict(figures.actions)}")
        report = crowd.exchange.traffic.report()
        figures.requests = report["total_requests"]
        figures.refused.update(report["refused"])
        figures.sent_before_retry_after = crowd.sent_before_retry_after
    finally:
        crowd.close()
    figures.seconds = time.monotonic() - began
    return figures


def main() -> int:
    """Run the proof from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bots", type=int, default=500)
    parser.add_argument("--ticks", type=int, default=10)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--weight-per-minute", type=int, default=6_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    logger().setLevel("CRITICAL")
    embedded = EmbeddedPostgres(state_root() / "tests" / "postgres", settings=FAST_AND_LOSE_ON_POWER_FAILURE)
    with embedded as url, tempfile.TemporaryDirectory() as folder:
        server = TestServer(url, embedded.superuser_url)
        with copied(server, made_template(server)) as database:
            figures = prove(database, Path(folder), say=lambda text: print(text, file=sys.stderr), **vars(asked))
    wrong = figures.verdict()
    print("\n".join([*figures.lines(), *wrong] if wrong else [*figures.lines(), "  passed"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
