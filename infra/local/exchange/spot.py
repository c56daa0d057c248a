"""Spot orders: what they lock, what an execution moves between two assets, and what resting orders are touched by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.local.exchange.decimals import ZERO, floor_to, round_up, share_of
from infra.local.exchange.errors import ApiError
from infra.local.exchange.filters import check_spot
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.records import BUY, CANCELED, EXPIRED, FILLED, PARTIALLY_FILLED, Execution, Order

if TYPE_CHECKING:
    from decimal import Decimal

    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.market.minutes import Market, Quote
    from infra.local.exchange.records import Account
    from infra.local.exchange.settings import Fees
    from infra.local.exchange.state import State
    from infra.local.exchange.tickets import Ticket


class SpotDesk:
    """Takes, executes and cancels spot orders."""

    def __init__(self, state: State, market: Market, fees: Fees) -> None:
        self._state = state
        self._market = market
        self._fees = fees

    def place(self, account: Account, instrument: Instrument, ticket: Ticket) -> Order:
        """Take an order; nothing is changed where it is refused."""
        quote = self._market.quote(instrument)
        resting = self._state.open_orders_of(account.api_key, MarketKind.SPOT, instrument.symbol)
        quantity = self._base_quantity(instrument, ticket, quote)
        check_spot(instrument, ticket, quantity, self._market.average_price(instrument), len(resting))
        if any(order.client_order_id == ticket.client_order_id for order in resting):
            raise ApiError(-2010, "Duplicate order sent.")
        price = self._taker_price(ticket, quote)
        if price is not None and ticket.must_rest:
            raise ApiError(-2010, "Order would immediately match and take.")
        self._check_balance(account, instrument, ticket, quantity, price)
        now_ms = self._market.now_ms()
        order_id = self._state.next_order_id(MarketKind.SPOT, instrument.symbol)
        order = Order(
            kind=MarketKind.SPOT,
            symbol=instrument.symbol,
            order_id=order_id,
            api_key=account.api_key,
            client_order_id=ticket.client_order_id or f"simulated-{instrument.symbol}-{order_id}",
            side=ticket.side,
            type=ticket.type,
            time_in_force=ticket.time_in_force,
            quantity=quantity,
            price=ticket.price,
            quote_quantity=ticket.quote_quantity,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        if price is None and ticket.may_rest:
            self._lock(account, instrument, order)
        elif price is None:
            order.status = EXPIRED
        self._state.add_order(order)
        if price is not None:
            self._execute(account, instrument, order, price, is_maker=False)
        return order

    def cancel(self, account: Account, instrument: Instrument, order: Order) -> None:
        """Take an open order off the book and free what it locked."""
        self._free(account, instrument, order)
        order.status = CANCELED
        order.updated_ms = self._market.now_ms()
        self._state.keep_order(order)

    def fill_resting(self, account: Account, instrument: Instrument, order: Order, executed_ms: int) -> None:
        """Execute what remains of a resting order at its own price, as the maker."""
        order.updated_ms = executed_ms
        self._execute(account, instrument, order, order.price, is_maker=True)

    @staticmethod
    def _base_quantity(instrument: Instrument, ticket: Ticket, quote: Quote) -> Decimal:
        if not ticket.quote_quantity:
            return ticket.quantity
        price = quote.ask if ticket.side == BUY else quote.bid
        return floor_to(ticket.quote_quantity / price, instrument.step_size)

    @staticmethod
    def _taker_price(ticket: Ticket, quote: Quote) -> Decimal | None:
        """Return the price at which the order trades at once, or None where it does not."""
        if ticket.side == BUY:
            return quote.ask if ticket.is_market or ticket.price >= quote.ask else None
        return quote.bid if ticket.is_market or ticket.price <= quote.bid else None

    @staticmethod
    def _check_balance(
        account: Account, instrument: Instrument, ticket: Ticket, quantity: Decimal, price: Decimal | None
    ) -> None:
        """Refuse what the free balance does not cover: a limit order at its own price, a market order at its fill."""
        if ticket.side == BUY:
            needed = quantity * (price if ticket.is_market and price is not None else ticket.price)
            free = account.free(instrument.quote)
        else:
            needed, free = quantity, account.free(instrument.base)
        if needed > free:
            raise ApiError(-2010, "Account has insufficient balance for requested action.")

    def _lock(self, account: Account, instrument: Instrument, order: Order) -> None:
        asset, amount = (
            (instrument.quote, order.quantity * order.price) if order.side == BUY else (instrument.base, order.quantity)
        )
        balance = account.balance(asset)
        balance.free -= amount
        balance.locked += amount
        order.locked = amount
        self._state.keep_account(account)

    def _free(self, account: Account, instrument: Instrument, order: Order) -> None:
        balance = account.balance(instrument.quote if order.side == BUY else instrument.base)
        balance.free += order.locked
        balance.locked -= order.locked
        order.locked = ZERO
        self._state.keep_account(account)

    def _execute(
        self,
        account: Account,
        instrument: Instrument,
        order: Order,
        price: Decimal,
        *,
        is_maker: bool,
    ) -> None:
        """Fill what remains and move both assets; the commission comes off what is received, rounded up."""
        quantity = order.remaining
        base, quote = account.balance(instrument.base), account.balance(instrument.quote)
        value = quantity * price
        bps = self._fees.spot_maker_bps if is_maker else self._fees.spot_taker_bps
        given, received = (value, quantity) if order.side == BUY else (quantity, value)
        giving, receiving = (quote, base) if order.side == BUY else (base, quote)
        commission = round_up(share_of(received, bps))
        if is_maker:
            giving.locked -= given
            order.locked -= given
        else:
            giving.free -= given
        receiving.free += received - commission
        order.executed_quantity += quantity
        order.executed_quote += value
        order.status = FILLED if order.remaining == 0 else PARTIALLY_FILLED
        execution = Execution(
            kind=MarketKind.SPOT,
            symbol=instrument.symbol,
            trade_id=self._state.next_trade_id(MarketKind.SPOT, instrument.symbol),
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            api_key=account.api_key,
            side=order.side,
            price=price,
            quantity=quantity,
            quote_quantity=value,
            commission=commission,
            commission_asset=instrument.base if order.side == BUY else instrument.quote,
            is_maker=is_maker,
            executed_ms=order.updated_ms,
        )
        self._state.add_execution(execution)
        self._state.keep_order(order)
        self._state.keep_account(account)
