"""Algo orders of futures: they wait outside the book and become market orders when their trigger price trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.local.exchange.conditional import AlgoOrder, triggers_below
from infra.local.exchange.decimals import ZERO
from infra.local.exchange.errors import ApiError
from infra.local.exchange.filters import check_futures_amount, check_futures_notional, check_futures_trigger
from infra.local.exchange.records import BUY, CANCELED, EXPIRED, FINISHED, REJECTED
from infra.local.exchange.statuses import check_futures_status
from infra.local.exchange.tickets import Ticket

if TYPE_CHECKING:
    from infra.local.exchange.conditional_tickets import AlgoTicket
    from infra.local.exchange.futures import FuturesDesk
    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.market.minutes import Market, Quote
    from infra.local.exchange.records import Account
    from infra.local.exchange.state import State


class AlgoDesk:
    """Takes, triggers and cancels algo orders."""

    def __init__(self, state: State, market: Market, futures: FuturesDesk) -> None:
        self._state = state
        self._market = market
        self._futures = futures

    def place(self, account: Account, instrument: Instrument, ticket: AlgoTicket) -> AlgoOrder:
        """Take an order; margin is not asked for before it triggers."""
        self._check(account, instrument, ticket)
        now_ms, algo_id = self._market.now_ms(), self._state.next_id("algo orders")
        algo = AlgoOrder(
            algo_id=algo_id,
            api_key=account.api_key,
            client_algo_id=ticket.client_algo_id or f"simulated-algo-{algo_id}",
            symbol=instrument.symbol,
            side=ticket.side,
            type=ticket.type,
            time_in_force=ticket.time_in_force,
            quantity=ticket.quantity,
            trigger_price=ticket.trigger_price,
            reduce_only=ticket.reduce_only,
            close_position=ticket.close_position,
            working_type=ticket.working_type,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        self._state.conditionals.add_algo(algo)
        return algo

    def _check(self, account: Account, instrument: Instrument, ticket: AlgoTicket) -> None:
        """Refuse what cannot wait here; the market is looked at last, as the matching engine would."""
        kept = self._state.conditionals
        if account.is_hedged:
            raise ApiError(-4061, "Order's position side does not match user's setting.")
        check_futures_status(self._state, instrument, reduces=ticket.reduce_only)
        check_futures_trigger(instrument, ticket.trigger_price)
        if not ticket.close_position:
            check_futures_amount(instrument, ticket.quantity, is_market=True)
            if not ticket.reduce_only:
                check_futures_notional(instrument, ticket.quantity * ticket.trigger_price)
        waiting = kept.open_algos_of(account.api_key, instrument.symbol)
        if len(waiting) >= instrument.max_stops:
            raise ApiError(-4045, "Reach max stop order limit.")
        used = kept.find_algo(account.api_key, None, ticket.client_algo_id)
        if ticket.client_algo_id is not None and used is not None and used.is_open:
            raise ApiError(-4116, "ClientOrderId is duplicated.")
        if ticket.reduce_only and not account.position(instrument.symbol).is_reduced_by(ticket.side):
            raise ApiError(-2022, "ReduceOnly Order is rejected.")
        alike = [one for one in waiting if (one.side, one.type) == (ticket.side, ticket.type)]
        if ticket.close_position and any(one.close_position for one in alike):
            reason = "An open stop or take profit order with GTE and closePosition in the direction is existing."
            raise ApiError(-4130, reason)
        last = self._market.quote(instrument).last
        is_below = triggers_below(ticket.type, ticket.side)
        if last <= ticket.trigger_price if is_below else last >= ticket.trigger_price:
            raise ApiError(-2021, "Order would immediately trigger.")

    def cancel(self, algo: AlgoOrder) -> None:
        """Cancel an order that waits."""
        self._end(algo, CANCELED, self._market.now_ms())

    def trigger(self, account: Account, instrument: Instrument, algo: AlgoOrder, quote: Quote, at_ms: int) -> None:
        """Send the market order; without a position to reduce the matching engine refuses it."""
        position = account.position(instrument.symbol)
        quantity = abs(position.quantity) if algo.close_position else algo.quantity
        algo.triggered_ms = at_ms
        if algo.reduce_only and not position.is_reduced_by(algo.side):
            self._end(algo, EXPIRED if algo.close_position else REJECTED, at_ms)
            return
        ticket = Ticket(
            side=algo.side,
            type="MARKET",
            time_in_force="GTC",
            quantity=quantity,
            price=ZERO,
            quote_quantity=ZERO,
            client_order_id=algo.client_algo_id,
            reduce_only=algo.reduce_only,
            response_type="RESULT",
        )
        price = quote.ask if algo.side == BUY else quote.bid
        if not algo.reduce_only and not self._futures.has_margin(account, instrument, ticket, price, quote.last):
            self._end(algo, REJECTED, at_ms)
            return
        order = self._futures.execute_triggered(account, instrument, ticket, price, at_ms)
        algo.order_id = order.order_id
        self._end(algo, FINISHED, at_ms)

    def expire_all(self, account: Account, symbol: str, at_ms: int) -> None:
        """Take back all that wait for a symbol, as a liquidation does."""
        for algo in self._state.conditionals.open_algos_of(account.api_key, symbol):
            self._end(algo, EXPIRED, at_ms)

    def _end(self, algo: AlgoOrder, status: str, at_ms: int) -> None:
        algo.status = status
        algo.updated_ms = at_ms
        self._state.conditionals.keep_algo(algo)
