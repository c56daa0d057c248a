"""One worker process: its memory, its connection, its line; it can be killed or frozen at any point it passes."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.proofs.simulation.database import Sessions
from tests.proofs.simulation.line import URL, InProcessLine
from tradebot.exchange.ccxt_client import make_client, make_key_checker, make_wallet
from tradebot.observability import metrics
from tradebot.repositories.session import make_engine
from tradebot.repositories.statement_counter import StatementCounter
from tradebot.services.exchange_lines import ExchangeLines
from tradebot.services.run_bot import RunBot, TickReport
from tradebot.services.run_bot.context import Tick

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from infra.local.exchange.exchange import Exchange
    from tests.fixtures.database import TestDatabase
    from tests.proofs.simulation.clock import VirtualClock
    from tradebot.exchange.transport import Venue

#: What Lambda gives a tick.
FUNCTION_MS = 50_000


def let_ticks_meet() -> None:
    """Take back what the threads of one process share and processes do not.

    Before Python 3.12 a cached property keeps every other thread out while it is computed: a frozen tick would.
    """
    for one in vars(Tick).values():
        if hasattr(one, "lock"):
            one.lock = nullcontext()


class KilledError(BaseException):
    """The process ended here: nothing of it runs on, not even what handles errors."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What happens to a tick at its `at`-th point (the points of a name alone where `name` is given)."""

    at: int
    kill: bool = False
    freeze_ms: int = 0
    name: str = ""
    #: Whether the worker's own count of its time left stood still too.
    stops_timer: bool = False
    act: Callable[[], None] | None = None


@dataclass
class Run:
    """One tick of a worker."""

    tick_at: datetime
    disturbances: list[Disturbance] = field(default_factory=list)
    points: int = 0
    names: list[str] = field(default_factory=list)
    began_ms: int = 0
    frozen_ms: int = 0
    report: TickReport | None = None
    is_killed: bool = False
    error: BaseException | None = None
    #: Set while it is frozen: virtual time at which it goes on.
    wakes_ms: int | None = None

    @property
    def is_over(self) -> bool:
        return self.report is not None or self.is_killed or self.error is not None


class Worker:
    """A slot for worker processes: the connection and ccxt's objects are kept, what a process remembers is not."""

    def __init__(
        self, database: TestDatabase, keys: Any, clock: VirtualClock, exchange: Callable[[], Exchange], name: str
    ) -> None:
        self.name = name
        self._clock = clock
        self._engine = make_engine(database.settings("app_worker"))
        self._keys = keys
        self._sessions = Sessions(self._engine, clock, self._point)
        self.line = InProcessLine(clock, exchange, self._point)
        self._clients: dict[tuple[str, str], Any] = {}
        self._counter = StatementCounter(self._engine)
        self._thread: threading.Thread | None = None
        self._go_on = threading.Semaphore(0)
        self._handed_over = threading.Semaphore(0)
        self.run: Run | None = None
        self.trace: Callable[[str], None] = lambda _: None
        self.start_process()

    def close(self) -> None:
        self._engine.dispose()

    def start_process(self) -> None:
        """Forget what a process remembers."""
        lines = ExchangeLines(
            self._sessions,
            self._keys,
            self._client,
            make_key_checker,
            make_wallet,
            lambda *_: URL,
            now_ns=lambda: self._clock.ms * 1_000_000,
        )
        self._run_bot = RunBot(
            self._sessions,
            lines,
            "tick",
            self._counter,
            step=self._point,
            sleep=lambda seconds: self._clock.sleep(int(seconds * 1000)),
        )

    def _client(self, venue: Venue, environment: str, market: str, *, api_key: str = "", secret_key: str = "") -> Any:
        # ccxt's object takes 15 ms to make and remembers nothing that matters: only the venue is a process's memory.
        client = self._clients.get((market, api_key))
        if client is None:
            client = make_client(venue, environment, market, api_key=api_key, secret_key=secret_key)
            client._transport._client.session.mount("http://", self.line)
            client._transport._client.session.trust_env = False
            self._clients[market, api_key] = client
        client._transport.venue = venue
        return client

    def begin(self, run: Run, bot: int, user: int) -> None:
        """Run a tick until it is over or frozen."""
        assert self.run is None
        self.run = run
        run.began_ms = self._clock.ms
        if any(one.freeze_ms for one in run.disturbances):
            self._thread = threading.Thread(target=self._in_thread, args=(run, bot, user), daemon=True)
            self._thread.start()
            self._handed_over.acquire()
        else:
            self._tick(run, bot, user)
        self._settle()

    def wake(self) -> None:
        """Let a frozen tick go on until it is over or frozen again."""
        assert self.run is not None
        self.run.wakes_ms = None
        self._go_on.release()
        self._handed_over.acquire()
        self._settle()

    def _settle(self) -> None:
        run = self.run
        assert run is not None
        if not run.is_over:
            return
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.run = None
        if run.is_killed:
            self.start_process()

    def _in_thread(self, run: Run, bot: int, user: int) -> None:
        try:
            self._tick(run, bot, user)
        finally:
            self._handed_over.release()

    def _tick(self, run: Run, bot: int, user: int) -> None:
        def remaining_ms() -> int:
            return FUNCTION_MS - (self._clock.ms - run.began_ms - run.frozen_ms)

        try:
            run.report = self._run_bot(bot_config_id=bot, user_id=user, tick_at=run.tick_at, remaining_ms=remaining_ms)
        except KilledError:
            run.is_killed = True
        except BaseException as error:  # noqa: BLE001  Lambda logs it and goes on, and the history tells it
            run.error = error
        finally:
            metrics().clear_metrics()

    def _point(self, name: str) -> None:
        run = self.run
        if run is None:
            return
        run.points += 1
        run.names.append(name)
        self.trace(f"    {self.name}: {name}")
        for one in run.disturbances:
            met = run.names.count(one.name) if one.name else run.points
            if met != one.at or (one.name and one.name != name):
                continue
            self._disturb(run, one)

    def _disturb(self, run: Run, one: Disturbance) -> None:
        if one.act is not None:
            one.act()
        if one.kill:
            self.trace(f"    {self.name}: KILLED")
            raise KilledError
        if one.freeze_ms:
            self.trace(f"    {self.name}: frozen for {one.freeze_ms} ms")
            if self._sessions.is_open:
                self._sessions.lose()  # the server ends a transaction that idles for 15 s
            run.wakes_ms = self._clock.ms + one.freeze_ms
            frozen_at = self._clock.ms
            self._handed_over.release()
            self._go_on.acquire()
            if one.stops_timer:
                run.frozen_ms += self._clock.ms - frozen_at
            self.trace(f"    {self.name}: goes on")
