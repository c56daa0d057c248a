"""What one tick carries from step to step: what was claimed, what is known so far, and what is still to be recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from tradebot.domain.market import BotStatus
from tradebot.domain.order import Leg, Side
from tradebot.domain.position import PositionSide
from tradebot.engine.parameters import resolve_parameters
from tradebot.models import KeyEnvironment

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from decimal import Decimal

    from tradebot.domain.order import Execution, Fill, OrderStatus
    from tradebot.domain.symbol import SymbolRules
    from tradebot.engine.backtest import BacktestTrade
    from tradebot.engine.memory import BotMemory
    from tradebot.engine.paper import PaperBook
    from tradebot.engine.parameters import Parameters
    from tradebot.errors import TradeBotError
    from tradebot.exchange.protocol import Account, MarketData, VenueOrder
    from tradebot.repositories.leases import Claim
    from tradebot.repositories.orders import LiveOrder
    from tradebot.services.exchange_budget import ExchangeBudget
    from tradebot.services.user_sessions import OpenSession


class Exchanges(Protocol):
    """Where a tick gets its lines to the exchange. Kept warm between ticks."""

    def market(self, environment: str, market_type: str) -> MarketData:
        """Return the public line: no key is decrypted for it."""
        ...

    def account(self, claim: Claim) -> Account:
        """Return the bot's account. Only here the key is decrypted."""
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

    def waited_ms(self) -> float:
        """Return how long this process has waited for exchanges."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order, to be recorded with the state in one transaction."""

    order: LiveOrder
    status: OrderStatus
    venue: VenueOrder | None = None
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
    memory: BotMemory | None = None
    #: Whether `memory` differs from what is stored.
    is_changed: bool = False
    price: Decimal | None = None
    status: BotStatus = BotStatus.RUNNING
    unrecorded: list[Outcome] = field(default_factory=list)
    #: Orders that nobody knows the end of: they block entries.
    in_doubt: list[LiveOrder] = field(default_factory=list)
    #: An error that an order met after its intent was recorded: it ends the tick once the order is recorded.
    failure: TradeBotError | None = None
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

    def remember(self, memory: BotMemory) -> None:
        """Carry `memory` on and see to it that it is stored."""
        self.memory = memory
        self.is_changed = True
