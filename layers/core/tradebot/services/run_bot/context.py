"""What one tick carries from step to step: what was claimed, what is known so far, and what is still to be recorded."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from tradebot.domain.market import BotStatus
from tradebot.domain.order import Leg, Side
from tradebot.domain.position import PositionSide
from tradebot.engine.parameters import resolve_parameters
from tradebot.errors import ExchangeUnavailableError
from tradebot.models import KeyEnvironment
from tradebot.services.run_bot.exchange_view import look
from tradebot.services.run_bot.steps import no_step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from decimal import Decimal

    from tradebot.domain.order import Execution, Fill, OrderStatus
    from tradebot.domain.symbol import SymbolRules
    from tradebot.engine.backtest import BacktestTrade
    from tradebot.engine.memory import BotMemory
    from tradebot.engine.paper import PaperBook
    from tradebot.engine.parameters import Parameters
    from tradebot.engine.tick import Event
    from tradebot.exchange.protocol import Account, FundingPayment, MarketData, Wallet
    from tradebot.repositories.findings import Difference
    from tradebot.repositories.leases import Claim
    from tradebot.repositories.orders import LiveOrder
    from tradebot.repositories.outbox import Message
    from tradebot.services.exchange_budget import ExchangeBudget
    from tradebot.services.run_bot.exchange_view import ExchangeView
    from tradebot.services.run_bot.steps import Step
    from tradebot.services.user_sessions import OpenSession


class Exchanges(Protocol):
    """Where a tick gets its lines to the exchange. Kept warm between ticks."""

    def market(self, environment: str, market_type: str) -> MarketData:
        """Return the public line: no key is decrypted for it."""
        ...

    def account(self, claim: Claim) -> Account:
        """Return the bot's account. Only here the key is decrypted."""
        ...

    def wallet(self, claim: Claim) -> Wallet:
        """Return the spot side of the bot's account, from which margin is moved."""
        ...

    def budget(self, environment: str, market_type: str) -> ExchangeBudget:
        """Return the request limit that stands before a venue's lines."""
        ...

    def settle(self) -> None:
        """Give back the weight that was reserved and not used."""
        ...

    def request_count(self) -> int:
        """Return how many HTTP requests this process has sent to exchanges."""
        ...

    def weight(self) -> int:
        """Return what those requests have cost of the exchanges' limits."""
        ...

    def waited_ms(self) -> float:
        """Return how long this process has waited for exchanges to answer it."""
        ...

    def waited_for_others_ms(self) -> float:
        """Return how long it has waited for market data that another worker was reading, or that could still change."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order, to be recorded with the state in one transaction."""

    order: LiveOrder
    status: OrderStatus
    venue_order_id: str | None = None
    #: Executions that were not recorded before, and what they add up to.
    fills: tuple[Fill, ...] = ()
    execution: Execution | None = None
    last_error: str | None = None
    #: Of the trade's row, as they stood right after these fills.
    realized_pnl: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    commission: tuple[Decimal, str] | None = None

    @property
    def position_side(self) -> PositionSide:
        """Which position the order opened or closed."""
        opens_long = self.order.side is Side.BUY
        return PositionSide.LONG if opens_long is (self.order.leg is Leg.ENTRY) else PositionSide.SHORT


@dataclass
class Tick:
    """One tick under way."""

    claim: Claim
    tick_at: datetime
    market_now: datetime
    exchanges: Exchanges
    open_session: OpenSession
    #: Milliseconds that the function still has.
    remaining_ms: Callable[[], int]
    #: Called with the name of every step before it is taken; see `steps`.
    step: Step = no_step
    sleep: Callable[[float], None] = time.sleep
    memory: BotMemory | None = None
    #: Whether `memory` differs from what is stored.
    is_changed: bool = False
    price: Decimal | None = None
    status: BotStatus = BotStatus.RUNNING
    unrecorded: list[Outcome] = field(default_factory=list)
    #: Funding that is in the memory and not in the table yet.
    unrecorded_funding: list[FundingPayment] = field(default_factory=list)
    #: What the user is told besides, and what is told already.
    outbox: list[Message] = field(default_factory=list)
    has_told: bool = False
    #: Whether this tick has asked what became of the orders on record.
    knows_orders: bool = False
    #: Orders that nobody knows the end of: they block entries.
    in_doubt: list[LiveOrder] = field(default_factory=list)
    #: Stops and take profits that rested when an earlier tick looked.
    recorded_resting: list[LiveOrder] = field(default_factory=list)
    #: Those that rest at the exchange, as far as it has told.
    resting: list[LiveOrder] = field(default_factory=list)
    #: What happened at the exchange since the last tick and is not in the memory yet.
    events: list[Event] = field(default_factory=list)
    #: What a reconciliation found; None where there was none in this tick.
    differences: list[Difference] | None = None
    #: Whether the exchange takes no order of the symbol now.
    is_market_closed: bool = False
    #: Whether the function's time, or the lease, ended before an order that was wanted could be sent.
    ran_short: bool = False
    #: Whether it held the books against all that the account holds.
    is_compared: bool = False
    #: Whether this tick booked an execution: the next one compares in full.
    has_executed: bool = False
    #: Whether books and exchange may differ, which blocks entries.
    is_frozen: bool = False
    #: What the exchange holds where that is less than the books: no more can be protected or sold.
    held_at_most: Decimal | None = None
    #: An error that ends the tick once what it did is recorded and its position protected.
    failure: Exception | None = None
    #: What the user is told.
    messages: list[str] = field(default_factory=list)
    #: Of a bot without a key: what it remembers, and its trades of this tick with their numbers.
    paper: PaperBook | None = None
    paper_trades: list[tuple[int, BacktestTrade]] = field(default_factory=list)
    #: What the tick did, for the log.
    actions: list[str] = field(default_factory=list)

    @cached_property
    def parameters(self) -> Parameters:
        """The bot's resolved configuration; InvalidInputError where it cannot be."""
        return resolve_parameters(self.claim.config)

    @cached_property
    def market(self) -> MarketData:
        """The public line."""
        return self.exchanges.market(*self._venue)

    @property
    def budget(self) -> ExchangeBudget:
        """The request limit that the bot's requests count against."""
        return self.exchanges.budget(*self._venue)

    @property
    def _venue(self) -> tuple[str, str]:
        # Without a key a bot trades on paper, by the real market's prices.
        return str(self.claim.key_environment or KeyEnvironment.LIVE), str(self.parameters.market_type)

    @cached_property
    def account(self) -> Account:
        """The bot's account, whose key is decrypted when it is first asked for."""
        return self.exchanges.account(self.claim)

    @cached_property
    def rules(self) -> SymbolRules:
        """The symbol's filters."""
        return self.market.symbol_rules(self.parameters.symbol)

    @property
    def exchange_view(self) -> ExchangeView:
        """What the exchange shows of the symbol; it is asked once, and its silence is remembered too."""
        if isinstance(self._exchange_view, ExchangeUnavailableError):
            raise self._exchange_view
        return self._exchange_view

    @cached_property
    def _exchange_view(self) -> ExchangeView | ExchangeUnavailableError:
        try:
            return look(self)
        except ExchangeUnavailableError as error:
            return error

    def look_again_in_full(self) -> ExchangeView:
        """Ask once more, and for the holdings too, since something differs. Raise LookDeferredError as `look` does."""
        self._exchange_view = look(self, again=True)
        return self._exchange_view

    @property
    def is_holding(self) -> bool:
        """Whether the books have a position, or an order on record may still make or change one."""
        return bool(self.claim.live_orders) or (self.memory is not None and self.memory.position is not None)

    @property
    def is_sheltered(self) -> bool:
        """Whether a stop rests at the exchange for what is held, as far as it was last seen."""
        is_flat = self.memory is None or self.memory.position is None
        return is_flat or any(order.leg is Leg.STOP for order in (*self.recorded_resting, *self.resting))

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Take back what was noted for the record where the memory did not come to hold it."""
        noted: tuple[list[Any], ...] = (self.unrecorded, self.unrecorded_funding, self.outbox)
        before = [len(one) for one in noted]
        try:
            yield
        except BaseException:
            for one, length in zip(noted, before, strict=True):
                del one[length:]
            raise

    @property
    def exit_is_in_doubt(self) -> bool:
        """Whether an exit was sent of which nobody knows the end."""
        return any(order.leg is Leg.EXIT for order in self.in_doubt)

    @property
    def has_nothing_left(self) -> bool:
        """Whether the exchange shows nothing of the position that the books hold."""
        return self.held_at_most is not None and self.held_at_most < self.rules.min_qty

    def rest(self, order: LiveOrder) -> None:
        """Note that a stop or take profit rests."""
        self.unrest(order)
        self.resting.append(order)

    def unrest(self, order: LiveOrder) -> None:
        """Note that it does not any more."""
        self.resting = [one for one in self.resting if one.id != order.id]

    def doubt(self, order: LiveOrder) -> None:
        """Note that nobody knows the end of an order."""
        self.undoubt(order)
        self.in_doubt.append(order)

    def undoubt(self, order: LiveOrder) -> None:
        """Note that the exchange has told."""
        self.in_doubt = [one for one in self.in_doubt if one.id != order.id]

    def remember(self, memory: BotMemory) -> None:
        """Carry `memory` on and see to it that it is stored."""
        self.memory = memory
        self.is_changed = True
