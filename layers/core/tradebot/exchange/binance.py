"""What Binance's two markets have in common: market data, orders by client id, a clock."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from tradebot.domain.order import OrderType
from tradebot.errors import ExchangeClockError, OrderRejectedError
from tradebot.exchange import answers, outgoing
from tradebot.exchange.account_answers import server_time_of
from tradebot.exchange.error_map import Purpose
from tradebot.exchange.order_answers import order_of, own_id_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from tradebot.domain.candle import Candle
    from tradebot.domain.order import Fill, OcoRequest, OrderRequest, StopRequest
    from tradebot.domain.symbol import ListedSymbol, SymbolRules
    from tradebot.exchange.transport import CcxtTransport
    from tradebot.exchange.venue_records import (
        FundingPayment,
        FundingSettlement,
        FuturesStanding,
        VenueOrder,
        VenueOrderList,
        VenuePosition,
        VenueStop,
    )

LISTED_ORDERS_LIMIT = 500
#: Client ids of orders that Binance makes itself: liquidations, and positions that it reduces for another's.
FORCED_PREFIXES = ("autoclose-", "adl_autoclose")


class BinanceClient:
    """One market; its subclasses name ccxt's implicit methods and the fields that differ. See protocol.Account."""

    TIME: ClassVar[str]
    INFO: ClassVar[str]
    #: Spot's list is several times as long with the permissions of each symbol.
    INFO_HAS_PERMISSIONS: ClassVar[bool]
    KLINES: ClassVar[str]
    CANDLE_PAGE: ClassVar[int]
    PRICE: ClassVar[str]
    ORDER: ClassVar[str]
    FIND_ORDER: ClassVar[str]
    CANCEL_ORDER: ClassVar[str]
    ALL_ORDERS: ClassVar[str]
    OPEN_ORDERS: ClassVar[str]
    TRADES: ClassVar[str]
    QUOTE_FIELD: ClassVar[str]
    TIME_FIELDS: ClassVar[tuple[str, ...]]
    #: What the ordinary order endpoint takes.
    ORDER_TYPES: ClassVar[frozenset[OrderType]]

    def __init__(self, transport: CcxtTransport) -> None:
        self._transport = transport

    # --- Clock and market data ---

    def synchronise_clock(self, *, force: bool = False) -> None:
        self._transport.synchronise_clock(lambda: server_time_of(self._transport.public(self.TIME)), force=force)

    def wire_now_ms(self) -> int:
        return self._transport.wire_now_ms()

    def listing(self) -> Sequence[ListedSymbol]:
        body = self._transport.public(self.INFO, {"showPermissionSets": "false"} if self.INFO_HAS_PERMISSIONS else None)
        limit = answers.weight_limit_of(body)
        if limit is not None:
            self._transport.venue.gate.limit(limit)
        return answers.listing_of(body)

    def candles(self, symbol: str, timeframe: str, start_at: datetime, end_at: datetime) -> list[Candle]:
        found: list[Candle] = []
        next_at = start_at
        while next_at < end_at:
            page = [
                answers.candle_of(row)
                for row in self._transport.public(
                    self.KLINES,
                    {
                        "symbol": symbol,
                        "interval": timeframe,
                        "startTime": answers.milliseconds_of(next_at),
                        "endTime": answers.milliseconds_of(end_at) - 1,
                        "limit": self.CANDLE_PAGE,
                    },
                )
            ]
            found.extend(page)
            if len(page) < self.CANDLE_PAGE:
                break
            next_at = page[-1].open_time + timedelta(milliseconds=1)
        return found

    def first_candle_at(self, symbol: str, timeframe: str) -> datetime | None:
        return self._candle_at(symbol, timeframe, {"startTime": 0})

    def newest_candle_at(self, symbol: str, timeframe: str) -> datetime | None:
        return self._candle_at(symbol, timeframe, {})

    def _candle_at(self, symbol: str, timeframe: str, which: dict[str, int]) -> datetime | None:
        rows = self._transport.public(self.KLINES, {"symbol": symbol, "interval": timeframe, "limit": 1, **which})
        return answers.candle_of(rows[0]).open_time if rows else None

    def price(self, symbol: str) -> Decimal:
        return answers.decimal_of(answers.field_of(self._transport.public(self.PRICE, {"symbol": symbol}), "price"))

    def trading_price(self, symbol: str) -> Decimal | None:
        return self.price(symbol)

    # --- Orders ---

    def send_order(self, request: OrderRequest, signed_at_ms: int) -> VenueOrder:
        if request.type not in self.ORDER_TYPES:
            raise OrderRejectedError(f"nothing was sent: {request.type} orders do not go this way on this market")
        body = self._send(self.ORDER, self._order_parameters(request), signed_at_ms)
        return self._order(body, request.symbol, request.client_order_id)

    def find_order(self, symbol: str, client_order_id: str) -> VenueOrder:
        body = self._ask(self.FIND_ORDER, self._order_name(symbol, client_order_id), purpose=Purpose.FIND)
        return self._order(body, symbol, client_order_id)

    def find_listed_order(self, symbol: str, client_order_id: str) -> VenueOrder | None:
        rows = answers.rows_of(self._ask(self.ALL_ORDERS, {"symbol": symbol, "limit": LISTED_ORDERS_LIMIT}))
        found = (row for row in rows if own_id_of(row) == client_order_id)
        return next((self._order(row, symbol, client_order_id) for row in found), None)

    def forced_orders(self, symbol: str) -> tuple[VenueOrder, ...]:
        rows = answers.rows_of(self._ask(self.ALL_ORDERS, {"symbol": symbol, "limit": LISTED_ORDERS_LIMIT}))
        return tuple(self._order(row, symbol, None) for row in rows if own_id_of(row).startswith(FORCED_PREFIXES))

    def open_orders(self, symbol: str) -> tuple[VenueOrder, ...]:
        rows = answers.rows_of(self._ask(self.OPEN_ORDERS, {"symbol": symbol}))
        return tuple(self._order(row, symbol, None) for row in rows)

    def order_fills(self, symbol: str, order_id: int) -> tuple[Fill, ...]:
        rows = answers.rows_of(self._ask(self.TRADES, {"symbol": symbol, "orderId": order_id}))
        return tuple(answers.fill_of(row) for row in rows if answers.integer_of(row.get("orderId")) == order_id)

    def cancel_order(self, symbol: str, client_order_id: str, signed_at_ms: int | None = None) -> VenueOrder:
        name = self._order_name(symbol, client_order_id)
        body = self._ask(self.CANCEL_ORDER, name, purpose=Purpose.CANCEL, signed_at_ms=signed_at_ms)
        return self._order(body, symbol, client_order_id)

    # --- What only one of the markets has ---

    def place_oco(self, request: OcoRequest, signed_at_ms: int) -> VenueOrderList:
        raise NotImplementedError("order lists are spot's")

    def find_order_list(self, list_client_order_id: str) -> VenueOrderList:
        raise NotImplementedError("order lists are spot's")

    def cancel_order_list(
        self, symbol: str, list_client_order_id: str, signed_at_ms: int | None = None
    ) -> VenueOrderList:
        raise NotImplementedError("order lists are spot's")

    def place_stop(self, request: StopRequest, signed_at_ms: int) -> VenueStop:
        raise NotImplementedError("algo stops are futures'")

    def find_stop(self, client_algo_id: str) -> VenueStop:
        raise NotImplementedError("algo stops are futures'")

    def open_stops(self, symbol: str) -> tuple[VenueStop, ...]:
        raise NotImplementedError("algo stops are futures'")

    def find_order_of_stop(self, symbol: str, order_id: int) -> VenueOrder:
        raise NotImplementedError("algo stops are futures'")

    def cancel_stop(self, client_algo_id: str, signed_at_ms: int | None = None) -> None:
        raise NotImplementedError("algo stops are futures'")

    def standing(self, symbol: str) -> FuturesStanding:
        raise NotImplementedError("margin is futures'")

    def prepare_symbol(self, symbol: str, leverage: int) -> Decimal:
        raise NotImplementedError("leverage is futures'")

    def position(self, symbol: str) -> VenuePosition:
        raise NotImplementedError("positions are futures'")

    def funding_payments(self, symbol: str, since: datetime) -> tuple[FundingPayment, ...]:
        raise NotImplementedError("funding is futures'")

    def funding_settlements(self, symbol: str, start_at: datetime, end_at: datetime) -> Sequence[FundingSettlement]:
        raise NotImplementedError("funding is futures'")

    # --- The line ---

    def _send(self, method: str, parameters: Mapping[str, str | int], signed_at_ms: int) -> Any:
        return self._transport.signed(method, parameters, at_ms=signed_at_ms, purpose=Purpose.SEND)

    def _ask(
        self,
        method: str,
        parameters: Mapping[str, str | int] | None = None,
        *,
        purpose: Purpose = Purpose.READ,
        signed_at_ms: int | None = None,
    ) -> Any:
        """Ask what may be asked twice. A clock error says that nothing was done; it is mended once unless fenced."""
        try:
            return self._transport.signed(method, parameters, at_ms=signed_at_ms, purpose=purpose)
        except ExchangeClockError:
            if signed_at_ms is not None:
                raise
        self.synchronise_clock(force=True)
        return self._transport.signed(method, parameters, purpose=purpose)

    def _known_rules(self, symbol: str) -> SymbolRules | None:
        """Return the filters where they have been read: no request is made for them between commit and send."""
        kept = self._transport.venue.symbol_rules.get(symbol)
        return None if kept is None else kept[1]

    def _order_parameters(self, request: OrderRequest) -> dict[str, str | int]:
        rules = self._known_rules(request.symbol)
        parameters: dict[str, str | int] = {
            "symbol": request.symbol,
            "side": request.side.value,
            "type": request.type.value,
            "quantity": outgoing.quantity(request.quantity, rules),
            "newClientOrderId": outgoing.client_id(request.client_order_id),
        }
        if request.type in {OrderType.LIMIT, OrderType.LIMIT_MAKER}:
            parameters["price"] = outgoing.price(request.price, rules)
        if request.type is OrderType.LIMIT:
            parameters["timeInForce"] = "GTC"
        if request.type is OrderType.STOP_LOSS:
            parameters["stopPrice"] = outgoing.price(request.stop_price, rules)
        return parameters

    @staticmethod
    def _order_name(symbol: str, client_order_id: str) -> dict[str, str | int]:
        return {"symbol": symbol, "origClientOrderId": outgoing.client_id(client_order_id)}

    def _order(self, body: Any, symbol: str, client_order_id: str | None) -> VenueOrder:
        return order_of(
            body,
            client_order_id=client_order_id,
            symbol=symbol,
            quote_field=self.QUOTE_FIELD,
            time_fields=self.TIME_FIELDS,
        )
