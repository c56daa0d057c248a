"""What a tick asks of an exchange: exact decimals, aware times, errors of `tradebot.errors`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

# What the answers are made of; callers find both halves of the seam here.
from tradebot.exchange.venue_records import (
    FundingPayment,
    FundingSettlement,
    FuturesStanding,
    KeyReport,
    StopStatus,
    Transfer,
    VenueOrder,
    VenueOrderList,
    VenuePosition,
    VenueStop,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from tradebot.domain.candle import Candle
    from tradebot.domain.order import Fill, OcoRequest, OrderRequest, StopRequest
    from tradebot.domain.symbol import ListedSymbol, SymbolRules

__all__ = [
    "Account",
    "ExchangeClient",
    "FundingPayment",
    "FundingSettlement",
    "FuturesStanding",
    "KeyChecker",
    "KeyReport",
    "MarketData",
    "MarketSource",
    "StopStatus",
    "Transfer",
    "VenueOrder",
    "VenueOrderList",
    "VenuePosition",
    "VenueStop",
    "Wallet",
]


class MarketSource(Protocol):
    """What the exchange itself says of one market (spot or futures) of one environment, each time by a request."""

    def listing(self) -> Sequence[ListedSymbol]:
        """Return every symbol of the market with its filters."""
        ...

    def candles(self, symbol: str, timeframe: str, start_at: datetime, end_at: datetime) -> Sequence[Candle]:
        """Return the candles that open in [start_at, end_at), oldest first, over as many pages as it takes.

        The last one may still be forming.
        """
        ...

    def price(self, symbol: str) -> Decimal:
        """Return the price of the last trade."""
        ...

    def trading_price(self, symbol: str) -> Decimal | None:
        """Return it; None where spot has halted the symbol, so that no order is taken. Futures do not say so here."""
        ...

    def wire_now_ms(self) -> int:
        """Return the exchange's time in ms."""
        ...


class MarketHistory(MarketSource, Protocol):
    """What backtests ask of it besides."""

    def first_candle_at(self, symbol: str, timeframe: str) -> datetime | None:
        """Return when the first candle that there is opened; None where there is none."""
        ...

    def newest_candle_at(self, symbol: str, timeframe: str) -> datetime | None:
        """Return when the newest candle opened, which has not closed yet; None where there is none."""
        ...

    def funding_settlements(self, symbol: str, start_at: datetime, end_at: datetime) -> Sequence[FundingSettlement]:
        """Return what a perpetual settled in [start_at, end_at), oldest first; a request per thousand. Futures only."""
        ...


class MarketData(Protocol):
    """What a tick reads of a market; what all bots need alike was read from the exchange once."""

    def symbol_rules(self, symbol: str) -> SymbolRules:
        """Return the symbol's filters; OrderRejectedError where the exchange does not list it."""
        ...

    def candles(self, symbol: str, timeframe: str, start_at: datetime, end_at: datetime) -> Sequence[Candle]:
        """Return the closed candles that open in [start_at, end_at), oldest first."""
        ...

    def candles_and_price(
        self, symbol: str, timeframe: str, start_at: datetime, end_at: datetime
    ) -> tuple[Sequence[Candle], Decimal | None]:
        """As `candles`, and the price of the last trade where the exchange was asked for them and told it along."""
        ...

    def candles_with_opening(
        self, symbol: str, timeframe: str, start_at: datetime, end_at: datetime
    ) -> tuple[Sequence[Candle], Decimal | None]:
        """As `candles`, and the first price of the candle that opens at `end_at`; None before its first trade."""
        ...

    def price(self, symbol: str) -> Decimal:
        """Return the price of the last trade."""
        ...

    def trading_price(self, symbol: str) -> Decimal | None:
        """Return it; None where spot has halted the symbol, so that no order is taken. Futures do not say so here."""
        ...


class Clocked(Protocol):
    """A line whose requests are signed with the exchange's time."""

    def synchronise_clock(self, *, force: bool = False) -> None:
        """Measure the exchange's clock unless that was done in the last minute; refuse an offset above 30 s."""
        ...

    def wire_now_ms(self) -> int:
        """Return the exchange's time in ms, for signatures and quiet times."""
        ...


class Funded(Clocked, Protocol):
    """A line to an account that holds money."""

    def free_balances(self) -> Mapping[str, Decimal]:
        """Return what can be spent now, by asset; an asset that is not named is zero."""
        ...


class Account(Funded, Protocol):
    """One account on one market, one request a method where nothing else is said. Not for two threads at once.

    What changes something is sent once and carries `signed_at_ms`: wire time taken BEFORE the commit that proved the
    lease, so that a worker that froze since is refused by the exchange. ExchangeUnavailableError from such a method
    means UNKNOWN: it may have happened. Reads that meet a clock error measure the offset again and ask once more.
    Order lists are spot's; margin, stops, positions and funding are futures': on the other market they are
    defects of the caller (NotImplementedError).
    """

    def standing(self, symbol: str) -> FuturesStanding:
        """Return what is free, what is held of the symbol and how it is set; ConflictError in hedge mode."""
        ...

    def prepare_symbol(self, symbol: str, leverage: int) -> Decimal:
        """Set isolated margin and leverage, which takes two requests; return the largest position in quote."""
        ...

    def send_order(self, request: OrderRequest, signed_at_ms: int) -> VenueOrder:
        """Send a MARKET or LIMIT (GTC) order; on spot also STOP_LOSS and LIMIT_MAKER.

        OrderRejectedError: not executed, for good; StopWouldTriggerError where its level is beyond the market already.
        OrderExistsError: query it.
        """
        ...

    def find_order(self, symbol: str, client_order_id: str) -> VenueOrder:
        """Query an order by its client id; OrderAbsentError where the exchange does not show it (yet)."""
        ...

    def find_listed_order(self, symbol: str, client_order_id: str) -> VenueOrder | None:
        """Look for an order among the symbol's latest 500."""
        ...

    def forced_orders(self, symbol: str) -> tuple[VenueOrder, ...]:
        """Return those among the symbol's latest 500 that the exchange made itself: liquidations and deleveraging."""
        ...

    def open_orders(self, symbol: str) -> tuple[VenueOrder, ...]:
        """Return the symbol's resting orders, ours and others', legs of lists included; on futures without stops."""
        ...

    def order_fills(self, symbol: str, order_id: int) -> tuple[Fill, ...]:
        """Return the executions of one order."""
        ...

    def cancel_order(self, symbol: str, client_order_id: str, signed_at_ms: int | None = None) -> VenueOrder:
        """Cancel a resting order. CancelRefusedError: nothing was cancelled, query it."""
        ...

    def place_oco(self, request: OcoRequest, signed_at_ms: int) -> VenueOrderList:
        """Place a stop (STOP_LOSS) and a take profit (LIMIT_MAKER), of which one executes. Errors as send_order."""
        ...

    def find_order_list(self, list_client_order_id: str) -> VenueOrderList:
        """Query a list and then each of its orders: three requests. OrderAbsentError where one is not shown (yet)."""
        ...

    def cancel_order_list(
        self, symbol: str, list_client_order_id: str, signed_at_ms: int | None = None
    ) -> VenueOrderList:
        """Cancel both orders of a list. CancelRefusedError: nothing was cancelled, query it."""
        ...

    def place_stop(self, request: StopRequest, signed_at_ms: int) -> VenueStop:
        """Place a reduce-only stop that works on the last price. Errors as send_order."""
        ...

    def find_stop(self, client_algo_id: str) -> VenueStop:
        """Query a stop; OrderAbsentError where the exchange does not show it (yet)."""
        ...

    def find_order_of_stop(self, symbol: str, order_id: int) -> VenueOrder:
        """Query the market order that a stop became; OrderAbsentError where the exchange does not show it (yet)."""
        ...

    def open_stops(self, symbol: str) -> tuple[VenueStop, ...]:
        """Return the symbol's stops that still wait, ours and others'."""
        ...

    def cancel_stop(self, client_algo_id: str, signed_at_ms: int | None = None) -> None:
        """Cancel a stop. CancelRefusedError: nothing was cancelled, query it."""
        ...

    def position(self, symbol: str) -> VenuePosition:
        """Return the symbol's position, quantity zero where there is none."""
        ...

    def funding_payments(self, symbol: str, since: datetime) -> tuple[FundingPayment, ...]:
        """Return what funding was paid or received since then, oldest first; a request per thousand."""
        ...


class Wallet(Funded, Protocol):
    """The spot side of an account, from which margin is moved to futures. The testnet has none: ConflictError."""

    def transfer_to_futures(self, asset: str, amount: Decimal, signed_at_ms: int) -> str:
        """Move an amount from spot to USD-M futures and return the transaction's id. Sent once, as Account says.

        The exchange knows no idempotency key for it: after ExchangeUnavailableError look in `transfers_to_futures`.
        """
        ...

    def transfers_to_futures(self, asset: str, since: datetime) -> tuple[Transfer, ...]:
        """Return such transfers since then (six months at most), oldest first; a request per hundred."""
        ...


class ExchangeClient(MarketSource, Account, Protocol):
    """A market and an account on it."""


class KeyChecker(Clocked, Protocol):
    """One account, asked what its key may do."""

    def key_report(self) -> KeyReport:
        """Return what the key may do, by one signed read (of each market on the testnet)."""
        ...
