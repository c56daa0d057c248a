"""Spot orders: what they lock, what an execution moves between two assets, how the legs of a list end each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.local.exchange import liquidity
from infra.local.exchange.booking import book, make_order, settle, taker_price
from infra.local.exchange.conditional import OrderList
from infra.local.exchange.decimals import ZERO, floor_to, round_up, share_of
from infra.local.exchange.errors import ApiError
from infra.local.exchange.filters import check_spot, check_spot_numbers, check_spot_stop
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.records import BUY, CANCELED, EXPIRED
from infra.local.exchange.statuses import check_spot_status

if TYPE_CHECKING:
    from decimal import Decimal

    from infra.local.exchange.conditional_tickets import ListTicket
    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.market.minutes import Market, Quote
    from infra.local.exchange.records import Account, Order
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
        check_spot_status(self._state, instrument)
        quote = self._market.quote(instrument)
        quantity = self._base_quantity(instrument, ticket, quote)
        self._check_filters(account, instrument, ticket, quantity, adding=1)
        self._check_unused(account, instrument, ticket.client_order_id)
        if ticket.stop_price:
            if _is_beyond(ticket, quote.last):
                raise ApiError(-2010, "Stop price would trigger immediately.")
            price = None
        else:
            price = taker_price(ticket, quote)
            if price is not None and ticket.must_rest:
                raise ApiError(-2010, "Order would immediately match and take.")
        self._check_balance(account, instrument, ticket.side, _needed(ticket, quantity, price))
        order = make_order(self._state, account, instrument, ticket, quantity=quantity, now_ms=self._market.now_ms())
        self._state.add_order(order)
        if price is not None:
            sizes = liquidity.read(self._state).of_taking(instrument, order, quantity)
            if ticket.time_in_force != "FOK" or sum(sizes, ZERO) == quantity:
                self._fill(account, instrument, order, sizes, price, is_maker=False)
        settle(order, may_rest=ticket.may_rest)
        if order.is_open:
            self._lock(account, instrument, order)
        self._state.keep_order(order)
        return order

    def place_list(self, account: Account, instrument: Instrument, ticket: ListTicket) -> OrderList:
        """Take two orders of which one can trade; what both would give is locked once."""
        check_spot_status(self._state, instrument)
        quote = self._market.quote(instrument)
        legs = ticket.stop, ticket.limit
        for leg in legs:
            self._check_filters(account, instrument, leg, leg.quantity, adding=2)
            self._check_unused(account, instrument, leg.client_order_id)
        kept = self._state.conditionals.find_list(account.api_key, None, ticket.client_list_id)
        ids = [leg.client_order_id for leg in legs if leg.client_order_id is not None]
        if len(set(ids)) < len(ids) or (kept is not None and self.is_open(kept)):
            raise ApiError(-2010, "Duplicate order sent.")
        # A sale: limit > last price > stop; a purchase: limit < last price < stop.
        if _is_beyond(ticket.stop, quote.last) or taker_price(
            ticket.limit, quote._replace(bid=quote.last, ask=quote.last)
        ):
            raise ApiError(-2010, "The relationship of the prices for the orders is not correct.")
        needed = max(_needed(leg, leg.quantity, None) for leg in legs)
        self._check_balance(account, instrument, ticket.stop.side, needed)
        now_ms = self._market.now_ms()
        stop, limit = (
            make_order(self._state, account, instrument, leg, quantity=leg.quantity, now_ms=now_ms) for leg in legs
        )
        list_id = self._state.next_id("order lists")
        stop.list_id = limit.list_id = list_id
        one = OrderList(
            list_id=list_id,
            api_key=account.api_key,
            symbol=instrument.symbol,
            client_list_id=ticket.client_list_id or f"simulated-list-{list_id}",
            first_order_id=stop.order_id,
            second_order_id=limit.order_id,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        for order in (stop, limit):
            self._state.add_order(order)
        self._hold(account, instrument, stop, needed)
        self._state.conditionals.add_list(one)
        return one

    def cancel(self, account: Account, instrument: Instrument, order: Order) -> None:
        """Take an open order off the book, with the other leg where it belongs to a list, and free what they locked."""
        now_ms = self._market.now_ms()
        for one in (order, self._end_sibling(order, CANCELED, now_ms)):
            if one is not None:
                self._free(account, instrument, one)
                one.status = CANCELED
                one.updated_ms = now_ms
                self._state.keep_order(one)

    def cancel_list(self, account: Account, instrument: Instrument, one: OrderList) -> None:
        """Cancel both legs of an open list."""
        self.cancel(account, instrument, next(order for order in self.legs(one) if order.is_open))

    def legs(self, one: OrderList) -> list[Order]:
        """Return the two orders of a list."""
        found = (
            self._state.find_order(one.api_key, MarketKind.SPOT, one.symbol, order_id, None)
            for order_id in one.order_ids
        )
        return [order for order in found if order is not None]

    def is_open(self, one: OrderList) -> bool:
        """Say whether a list can still trade."""
        return any(order.is_open for order in self.legs(one))

    def fill_resting(self, account: Account, instrument: Instrument, order: Order, executed_ms: int) -> None:
        """Execute a resting order at its own price, as the maker; a first part already ends the other leg."""
        self._end_sibling(order, EXPIRED, executed_ms)
        order.updated_ms = executed_ms
        size = liquidity.read(self._state).of_resting(instrument, order, order.remaining)
        self._fill(account, instrument, order, [size], order.price, is_maker=True)
        settle(order, may_rest=True)
        self._state.keep_order(order)

    def trigger(self, account: Account, instrument: Instrument, order: Order, quote: Quote, executed_ms: int) -> None:
        """Turn a stop whose price traded into a market order; what the book cannot take expires."""
        self._end_sibling(order, EXPIRED, executed_ms)
        self._free(account, instrument, order)
        order.updated_ms = order.working_ms = executed_ms
        price = quote.ask if order.side == BUY else quote.bid
        wanted = order.quantity
        if order.side == BUY:  # the slippage may cost more than the stop's price locked
            wanted = min(wanted, floor_to(account.free(instrument.quote) / price, instrument.step_size))
        sizes = liquidity.read(self._state).of_taking(instrument, order, wanted)
        self._fill(account, instrument, order, sizes, price, is_maker=False)
        settle(order, may_rest=False)
        self._state.keep_order(order)

    def _check_filters(
        self, account: Account, instrument: Instrument, ticket: Ticket, quantity: Decimal, *, adding: int
    ) -> None:
        resting = self._state.open_orders_of(account.api_key, MarketKind.SPOT, instrument.symbol)
        check_spot_numbers(ticket)
        if ticket.stop_price:
            check_spot_stop(instrument, ticket, sum(1 for order in resting if order.stop_price))
        else:
            check_spot(instrument, ticket, quantity, self._market.average_price(instrument))
        if ticket.may_rest and len(resting) + adding > instrument.max_orders:
            raise ApiError(-1013, "Filter failure: MAX_NUM_ORDERS")

    def _check_unused(self, account: Account, instrument: Instrument, client_order_id: str | None) -> None:
        if client_order_id is None:
            return
        used = self._state.find_order(account.api_key, MarketKind.SPOT, instrument.symbol, None, client_order_id)
        if used is not None and used.is_open:
            raise ApiError(-2010, "Duplicate order sent.")

    @staticmethod
    def _base_quantity(instrument: Instrument, ticket: Ticket, quote: Quote) -> Decimal:
        if not ticket.quote_quantity:
            return ticket.quantity
        price = quote.ask if ticket.side == BUY else quote.bid
        return floor_to(ticket.quote_quantity / price, instrument.step_size)

    @staticmethod
    def _check_balance(account: Account, instrument: Instrument, side: str, needed: Decimal) -> None:
        """Refuse what the free balance does not cover: a limit order at its own price, a market order at its fill."""
        if needed > account.free(instrument.quote if side == BUY else instrument.base):
            raise ApiError(-2010, "Account has insufficient balance for requested action.")

    def _lock(self, account: Account, instrument: Instrument, order: Order) -> None:
        price = order.stop_price or order.price
        self._hold(account, instrument, order, order.remaining * price if order.side == BUY else order.remaining)

    def _hold(self, account: Account, instrument: Instrument, order: Order, amount: Decimal) -> None:
        balance = account.balance(instrument.quote if order.side == BUY else instrument.base)
        balance.free -= amount
        balance.locked += amount
        order.locked = amount
        self._state.keep_account(account)

    def _free(self, account: Account, instrument: Instrument, order: Order) -> None:
        if order.locked:
            self._hold(account, instrument, order, -order.locked)
            order.locked = ZERO

    def _end_sibling(self, order: Order, status: str, at_ms: int) -> Order | None:
        """End the other leg of a list, which leaves what it locked to `order`; return it where it was open."""
        one = self._state.conditionals.lists.get(order.list_id)
        if one is None:
            return None
        sibling = next(leg for leg in self.legs(one) if leg is not order)
        one.updated_ms = at_ms
        self._state.conditionals.keep_list(one)
        if not sibling.is_open:
            return None
        order.locked, sibling.locked = order.locked + sibling.locked, ZERO
        sibling.status = status
        sibling.updated_ms = at_ms
        self._state.keep_order(sibling)
        return sibling

    def _fill(
        self,
        account: Account,
        instrument: Instrument,
        order: Order,
        sizes: list[Decimal],
        price: Decimal,
        *,
        is_maker: bool,
    ) -> None:
        """Move both assets, part by part; the commission comes off what is received, rounded up each time."""
        base, quote = account.balance(instrument.base), account.balance(instrument.quote)
        bps = self._fees.spot_maker_bps if is_maker else self._fees.spot_taker_bps
        is_buy = order.side == BUY
        giving, receiving = (quote, base) if is_buy else (base, quote)
        for quantity in sizes:
            value = quantity * price
            given, received = (value, quantity) if is_buy else (quantity, value)
            commission = round_up(share_of(received, bps))
            if is_maker:
                giving.locked -= given
                order.locked -= given
            else:
                giving.free -= given
            receiving.free += received - commission
            book(
                self._state,
                order,
                quantity=quantity,
                price=price,
                commission=commission,
                commission_asset=instrument.base if is_buy else instrument.quote,
                is_maker=is_maker,
                realized_pnl=ZERO,
            )
        if is_maker and order.remaining <= 0:
            self._free(account, instrument, order)  # the other leg of a list may have locked more
        self._state.keep_account(account)


def _is_beyond(ticket: Ticket, last: Decimal) -> bool:
    """Say whether a stop's price has been reached already."""
    return last >= ticket.stop_price if ticket.side == BUY else last <= ticket.stop_price


def _needed(ticket: Ticket, quantity: Decimal, price: Decimal | None) -> Decimal:
    """Return what an order gives at most: a market order at its fill, others at their own price."""
    if ticket.side != BUY:
        return quantity
    if ticket.is_market and price is not None:
        return quantity * price
    return quantity * (ticket.stop_price or ticket.price)
