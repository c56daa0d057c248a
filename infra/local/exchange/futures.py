"""USD-M futures orders, one-way: margins, positions, realised profit and commission in the quote asset."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from infra.local.exchange import liquidity
from infra.local.exchange.booking import book, make_order, settle, taker_price
from infra.local.exchange.decimals import ZERO, ceil_to, floor_to, round_half_even, round_up, share_of
from infra.local.exchange.errors import ApiError
from infra.local.exchange.filters import check_futures
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.records import BUY, CANCELED, EXPIRED, SELL
from infra.local.exchange.statuses import check_futures_status
from infra.local.exchange.tickets import Ticket

if TYPE_CHECKING:
    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.market.minutes import Market
    from infra.local.exchange.records import Account, Order, Position
    from infra.local.exchange.settings import Fees
    from infra.local.exchange.state import State


class FuturesDesk:
    """Takes, executes and cancels futures orders and keeps positions."""

    def __init__(self, state: State, market: Market, fees: Fees) -> None:
        self._state = state
        self._market = market
        self._fees = fees

    def mark_price(self, instrument: Instrument) -> Decimal:
        """Return the mark price, which here is the last price."""
        return self._market.quote(instrument).last

    def place(self, account: Account, instrument: Instrument, ticket: Ticket) -> Order:
        """Take an order; nothing is changed where it is refused."""
        position = account.position(instrument.symbol)
        if account.is_hedged:
            raise ApiError(-4061, "Order's position side does not match user's setting.")
        check_futures_status(self._state, instrument, reduces=ticket.reduce_only)
        quote = self._market.quote(instrument)
        resting = self._state.open_orders_of(account.api_key, MarketKind.FUTURES, instrument.symbol)
        check_futures(instrument, ticket, quote.last, len(resting))
        if any(order.client_order_id == ticket.client_order_id for order in resting):
            raise ApiError(-4116, "ClientOrderId is duplicated.")
        price = taker_price(ticket, quote)
        _check_duties(position, ticket, price)
        if not ticket.reduce_only:
            self._check_margin(account, instrument, ticket, price or ticket.price, quote.last)
        account.keep(position)
        order = make_order(
            self._state, account, instrument, ticket, quantity=ticket.quantity, now_ms=self._market.now_ms()
        )
        self._state.keep_account(account)
        self._state.add_order(order)
        if price is not None:
            self._take(account, instrument, order, price)
        if not ticket.may_rest or order.remaining <= 0:
            settle(order, may_rest=False)
        elif order.executed_quantity:
            settle(order, may_rest=True)
        self._state.keep_order(order)
        return order

    def cancel(self, order: Order) -> None:
        """Take an open order off the book."""
        order.status = CANCELED
        order.updated_ms = self._market.now_ms()
        self._state.keep_order(order)

    def fill_resting(self, account: Account, instrument: Instrument, order: Order, executed_ms: int) -> None:
        """Execute a resting order at its own price, as the maker."""
        order.updated_ms = executed_ms
        wanted = self._open_for(account, instrument, order)
        size = liquidity.read(self._state).of_resting(instrument, order, wanted)
        self._fill(account, instrument, order, [size] if size else [], order.price, is_maker=True)
        settle(order, may_rest=bool(wanted))
        self._state.keep_order(order)
        self._shrink_resting(account, instrument, executed_ms)

    def execute_triggered(
        self, account: Account, instrument: Instrument, ticket: Ticket, price: Decimal, at_ms: int
    ) -> Order:
        """Make and execute the market order that an algo order became."""
        order = make_order(self._state, account, instrument, ticket, quantity=ticket.quantity, now_ms=at_ms)
        self._state.add_order(order)
        self._take(account, instrument, order, price)
        settle(order, may_rest=False)
        self._state.keep_order(order)
        return order

    def liquidate(self, account: Account, instrument: Instrument, price: Decimal, at_ms: int) -> None:
        """Close an isolated position at its liquidation price; what is left of its margin is the exchange's fee."""
        position = account.position(instrument.symbol)
        margin = round_up(position.margin)
        ticket = Ticket(
            side=SELL if position.quantity > 0 else BUY,
            type="LIMIT",
            time_in_force="IOC",
            quantity=abs(position.quantity),
            price=price,
            quote_quantity=ZERO,
            client_order_id=f"autoclose-{at_ms}",  # how Binance names them
            reduce_only=True,
            response_type="RESULT",
        )
        order = make_order(self._state, account, instrument, ticket, quantity=ticket.quantity, now_ms=at_ms)
        self._state.add_order(order)
        value = order.quantity * price
        realized = value - position.cost if position.quantity > 0 else position.cost - value
        self._fill(account, instrument, order, [order.quantity], price, is_maker=False, commission=margin + realized)
        settle(order, may_rest=False)
        self._state.keep_order(order)
        for resting in self._state.open_orders_of(account.api_key, MarketKind.FUTURES, instrument.symbol):
            self._expire(resting, at_ms)

    def _take(self, account: Account, instrument: Instrument, order: Order, price: Decimal) -> None:
        """Execute an order at once, as far as it may and the book can take it."""
        wanted = self._open_for(account, instrument, order)
        sizes = liquidity.read(self._state).of_taking(instrument, order, wanted)
        if order.time_in_force == "FOK" and sum(sizes, ZERO) < order.quantity:
            return
        self._fill(account, instrument, order, sizes, price, is_maker=False)
        self._shrink_resting(account, instrument, order.updated_ms)

    @staticmethod
    def _open_for(account: Account, instrument: Instrument, order: Order) -> Decimal:
        """Return what of an order may still execute: a reduce-only one as far as there is a position."""
        if not order.reduce_only:
            return order.remaining
        position = account.position(instrument.symbol)
        return min(order.remaining, abs(position.quantity)) if position.is_reduced_by(order.side) else ZERO

    def _shrink_resting(self, account: Account, instrument: Instrument, at_ms: int) -> None:
        """Cut resting reduce-only orders to the position that is left; without one they expire."""
        for order in self._state.open_orders_of(account.api_key, MarketKind.FUTURES, instrument.symbol):
            if not order.reduce_only:
                continue
            allowed = self._open_for(account, instrument, order)
            if not allowed:
                self._expire(order, at_ms)
            elif allowed < order.remaining:
                order.quantity = order.executed_quantity + allowed
                order.updated_ms = at_ms
                self._state.keep_order(order)

    def _expire(self, order: Order, at_ms: int) -> None:
        order.status = EXPIRED
        order.updated_ms = at_ms
        self._state.keep_order(order)

    def available(self, account: Account, asset: str) -> Decimal:
        """Return what new orders may use: the wallet less all margins, with the profit of crossed positions."""
        amount = account.futures.get(asset, ZERO)
        for symbol, position in account.positions.items():
            instrument = self._market.instruments[MarketKind.FUTURES].get(symbol)
            if instrument is None or instrument.quote != asset:
                continue
            amount -= self.order_margin(account, instrument, position)
            if position.quantity:
                mark = self.mark_price(instrument)
                amount -= self.position_margin(position, mark)
                amount += ZERO if position.isolated else position.unrealized(mark)
        return max(round_half_even(amount), ZERO)

    @staticmethod
    def position_margin(position: Position, mark: Decimal) -> Decimal:
        """Return what a position holds of the wallet: its isolated wallet; crossed, its initial margin at the mark."""
        if position.isolated:
            return round_up(position.margin)
        return round_up(abs(position.quantity) * mark / position.leverage)

    def order_margin(self, account: Account, instrument: Instrument, position: Position) -> Decimal:
        """Return the initial margin of resting orders: the side that would grow the exposure most."""
        orders = self._state.open_orders_of(account.api_key, MarketKind.FUTURES, instrument.symbol)
        bids = sum((o.remaining * o.price for o in orders if o.side == BUY and not o.reduce_only), ZERO)
        asks = sum((o.remaining * o.price for o in orders if o.side != BUY and not o.reduce_only), ZERO)
        if not bids and not asks:
            return ZERO
        held = position.quantity * self.mark_price(instrument)
        exposure = max(abs(held + bids), abs(held - asks)) - abs(held)
        return round_up(max(exposure, ZERO) / position.leverage)

    def liquidation_price(self, account: Account, instrument: Instrument, position: Position) -> Decimal:
        """Return the price that uses the margin up to the maintenance margin, as positions show it: off the price grid.

        Zero where there is none. Source: Binance's formula of the liquidation price in isolated mode; crossed, the free
        wallet stands behind it.
        """
        quantity = abs(position.quantity)
        if not quantity:
            return ZERO
        margin = position.margin if position.isolated else account.futures.get(instrument.quote, ZERO)
        bracket = instrument.bracket_of(position.cost)
        rate, amount = bracket.maintenance_rate, bracket.maintenance_amount
        if position.quantity > 0:
            price = (position.cost - margin - amount) / (quantity * (1 - rate))
        else:
            price = (position.cost + margin + amount) / (quantity * (1 + rate))
        return max(price, ZERO)

    def liquidation_tick(self, account: Account, instrument: Instrument, position: Position) -> Decimal:
        """Return where the position is liquidated: its liquidation price, rounded towards the entry."""
        rounded = ceil_to if position.quantity > 0 else floor_to
        return rounded(self.liquidation_price(account, instrument, position), instrument.tick_size)

    def has_margin(
        self, account: Account, instrument: Instrument, ticket: Ticket, price: Decimal, mark: Decimal
    ) -> bool:
        """Say whether the wallet carries an order that is triggered now."""
        try:
            self._check_margin(account, instrument, ticket, price, mark)
        except ApiError:
            return False
        return True

    def _check_margin(
        self, account: Account, instrument: Instrument, ticket: Ticket, price: Decimal, mark: Decimal
    ) -> None:
        """Refuse what opens more than the wallet carries: initial margin, loss at the mark, and the taker's fee."""
        position = account.position(instrument.symbol)
        is_reducing = position.is_reduced_by(ticket.side)
        opening = max(ticket.quantity - abs(position.quantity), ZERO) if is_reducing else ticket.quantity
        if not opening:
            return
        notional = opening * price
        held = ZERO if is_reducing else position.cost
        if held + notional > instrument.allowed_notional(position.leverage):
            raise ApiError(-2027, "Exceeded the maximum allowable position at current leverage.")
        worse = price - mark if ticket.side == BUY else mark - price
        needed = notional / position.leverage + max(worse, ZERO) * opening
        needed += share_of(notional, self._fees.futures_taker_bps)
        if needed > self.available(account, instrument.quote):
            raise ApiError(-2019, "Margin is insufficient.")

    def _fill(
        self,
        account: Account,
        instrument: Instrument,
        order: Order,
        sizes: list[Decimal],
        price: Decimal,
        *,
        is_maker: bool,
        commission: Decimal | None = None,
    ) -> None:
        """Move position and wallet, part by part; the commission is rounded up each time."""
        bps = self._fees.futures_maker_bps if is_maker else self._fees.futures_taker_bps
        for quantity in sizes:
            position = account.position(instrument.symbol)
            realized = _move(position, quantity if order.side == BUY else -quantity, price)
            fee = round_up(share_of(quantity * price, bps)) if commission is None else commission
            account.keep(position)
            wallet = account.futures.get(instrument.quote, ZERO)
            account.futures[instrument.quote] = wallet + realized - fee
            position.updated_ms = account.futures_updated_ms = order.updated_ms
            book(
                self._state,
                order,
                quantity=quantity,
                price=price,
                commission=fee,
                commission_asset=instrument.quote,
                is_maker=is_maker,
                realized_pnl=realized,
            )
        self._state.keep_account(account)


def _check_duties(position: Position, ticket: Ticket, taker_price: Decimal | None) -> None:
    """Refuse what cannot keep its promise: to reduce only, to be a maker, to fill at once.

    A reduce-only market order may be larger than the position and closes it; a limit order may not.
    """
    if ticket.reduce_only:
        is_too_large = not ticket.is_market and ticket.quantity > abs(position.quantity)
        if is_too_large or not position.is_reduced_by(ticket.side):
            raise ApiError(-2022, "ReduceOnly Order is rejected.")
    unrecorded = "The order will not be recorded in the order history"
    if taker_price is not None and ticket.must_rest:
        reason = "Due to the order could not be executed as maker, the Post Only order will be rejected."
        raise ApiError(-5022, f"{reason} {unrecorded}")
    if taker_price is None and ticket.time_in_force == "FOK":
        reason = "Due to the order could not be filled immediately, the FOK order has been rejected."
        raise ApiError(-5021, f"{reason} {unrecorded}")


def _move(position: Position, change: Decimal, price: Decimal) -> Decimal:
    """Apply a fill of signed quantity `change`; return the realised profit, exact to eight decimals.

    What is closed takes its share of cost and margin with it; the last close takes all that is left, so that rounding
    never leaves anything behind.
    """
    realized = ZERO
    opening = change
    if position.quantity and (position.quantity > 0) != (change > 0):
        held = abs(position.quantity)
        closed = min(abs(change), held)
        all_of_it = closed == held
        cost = position.cost if all_of_it else round_half_even(position.cost * closed / held)
        margin = position.margin if all_of_it else round_half_even(position.margin * closed / held)
        value = closed * price
        realized = value - cost if position.quantity > 0 else cost - value
        position.cost -= cost
        position.margin -= margin
        sign = Decimal(1) if change > 0 else Decimal(-1)
        position.quantity += sign * closed
        opening = change - sign * closed
    if opening:
        cost = abs(opening) * price
        position.quantity += opening
        position.cost += cost
        if position.isolated:
            position.margin += cost / position.leverage
    return realized
