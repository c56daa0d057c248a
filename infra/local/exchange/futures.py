"""USD-M futures orders, one-way: margins, positions, realised profit and commission in the quote asset."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from infra.local.exchange.decimals import ZERO, round_half_even, round_up, share_of
from infra.local.exchange.errors import ApiError
from infra.local.exchange.filters import check_futures
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.records import BUY, CANCELED, EXPIRED, FILLED, PARTIALLY_FILLED, Execution, Order

if TYPE_CHECKING:
    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.market.minutes import Market, Quote
    from infra.local.exchange.records import Account, Position
    from infra.local.exchange.settings import Fees
    from infra.local.exchange.state import State
    from infra.local.exchange.tickets import Ticket


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
        quote = self._market.quote(instrument)
        resting = self._state.open_orders_of(account.api_key, MarketKind.FUTURES, instrument.symbol)
        check_futures(instrument, ticket, quote.last, len(resting))
        if any(order.client_order_id == ticket.client_order_id for order in resting):
            raise ApiError(-4116, "ClientOrderId is duplicated.")
        position = account.position(instrument.symbol)
        price = self._taker_price(ticket, quote)
        _check_duties(position, ticket, price)
        if not ticket.reduce_only:
            self._check_margin(account, instrument, ticket, price or ticket.price, quote.last)
        now_ms = self._market.now_ms()
        order_id = self._state.next_order_id(MarketKind.FUTURES, instrument.symbol)
        order = Order(
            kind=MarketKind.FUTURES,
            symbol=instrument.symbol,
            order_id=order_id,
            api_key=account.api_key,
            client_order_id=ticket.client_order_id or f"simulated-{instrument.symbol}-{order_id}",
            side=ticket.side,
            type=ticket.type,
            time_in_force=ticket.time_in_force,
            quantity=ticket.quantity,
            price=ticket.price,
            reduce_only=ticket.reduce_only,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        if price is None and not ticket.may_rest:
            order.status = EXPIRED
        account.keep(position)
        self._state.keep_account(account)
        self._state.add_order(order)
        if price is not None:
            self._execute(account, instrument, order, price, is_maker=False)
        return order

    def cancel(self, order: Order) -> None:
        """Take an open order off the book."""
        order.status = CANCELED
        order.updated_ms = self._market.now_ms()
        self._state.keep_order(order)

    def fill_resting(self, account: Account, instrument: Instrument, order: Order, executed_ms: int) -> None:
        """Execute what remains of a resting order at its own price, as the maker."""
        order.updated_ms = executed_ms
        self._execute(account, instrument, order, order.price, is_maker=True)

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
            return position.margin
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
        """Return the price at which the margin is used up to the maintenance margin; zero where there is none.

        Source: Binance's formula of the liquidation price in isolated mode; crossed, the free wallet stands behind it.
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

    @staticmethod
    def _taker_price(ticket: Ticket, quote: Quote) -> Decimal | None:
        if ticket.side == BUY:
            return quote.ask if ticket.is_market or ticket.price >= quote.ask else None
        return quote.bid if ticket.is_market or ticket.price <= quote.bid else None

    def _check_margin(
        self, account: Account, instrument: Instrument, ticket: Ticket, price: Decimal, mark: Decimal
    ) -> None:
        """Refuse what opens more than the wallet carries: initial margin, loss at the mark, and the taker's fee."""
        position = account.position(instrument.symbol)
        is_reducing = _reduces(position, ticket.side)
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

    def _execute(
        self,
        account: Account,
        instrument: Instrument,
        order: Order,
        price: Decimal,
        *,
        is_maker: bool,
    ) -> None:
        """Fill what remains; a reduce-only order fills as far as there is a position, and the rest expires."""
        position = account.position(instrument.symbol)
        quantity = order.remaining
        if order.reduce_only:
            quantity = min(quantity, abs(position.quantity)) if _reduces(position, order.side) else ZERO
        if quantity:
            self._fill(account, instrument, order, quantity, price, is_maker=is_maker)
        if order.remaining == 0:
            order.status = FILLED
        else:
            order.status = EXPIRED if order.reduce_only else PARTIALLY_FILLED
        self._state.keep_order(order)
        self._state.keep_account(account)

    def _fill(
        self,
        account: Account,
        instrument: Instrument,
        order: Order,
        quantity: Decimal,
        price: Decimal,
        *,
        is_maker: bool,
    ) -> None:
        position = account.position(instrument.symbol)
        value = quantity * price
        realized = _move(position, quantity if order.side == BUY else -quantity, price)
        commission = round_up(
            share_of(value, self._fees.futures_maker_bps if is_maker else self._fees.futures_taker_bps)
        )
        account.keep(position)
        wallet = account.futures.get(instrument.quote, ZERO)
        account.futures[instrument.quote] = wallet + realized - commission
        position.updated_ms = account.futures_updated_ms = order.updated_ms
        order.executed_quantity += quantity
        order.executed_quote += value
        self._state.add_execution(
            Execution(
                kind=MarketKind.FUTURES,
                symbol=instrument.symbol,
                trade_id=self._state.next_trade_id(MarketKind.FUTURES, instrument.symbol),
                order_id=order.order_id,
                client_order_id=order.client_order_id,
                api_key=account.api_key,
                side=order.side,
                price=price,
                quantity=quantity,
                quote_quantity=value,
                commission=commission,
                commission_asset=instrument.quote,
                is_maker=is_maker,
                executed_ms=order.updated_ms,
                realized_pnl=realized,
            )
        )


def _reduces(position: Position, side: str) -> bool:
    return position.quantity < 0 if side == BUY else position.quantity > 0


def _check_duties(position: Position, ticket: Ticket, taker_price: Decimal | None) -> None:
    """Refuse what cannot keep its promise: to reduce only, to be a maker, to fill at once.

    A reduce-only market order may be larger than the position and closes it; a limit order may not.
    """
    if ticket.reduce_only:
        is_too_large = not ticket.is_market and ticket.quantity > abs(position.quantity)
        if is_too_large or not _reduces(position, ticket.side):
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
            position.margin += round_up(cost / position.leverage)
    return realized
