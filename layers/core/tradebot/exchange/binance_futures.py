"""Binance USD-M futures under /fapi, one-way mode: stops on its algo endpoint, take profits on the ordinary one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tradebot.domain.order import OrderType
from tradebot.errors import ExchangeError
from tradebot.exchange import answers, outgoing
from tradebot.exchange.account_answers import (
    balances_of,
    can_trade,
    funding_of,
    notional_cap_of,
    position_of,
    settlement_of,
    standing_of,
)
from tradebot.exchange.answers import UnreadableAnswerError
from tradebot.exchange.binance import BinanceClient
from tradebot.exchange.error_map import Purpose, code_and_message
from tradebot.exchange.order_answers import stop_of
from tradebot.exchange.weights import CANDLE_PAGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from tradebot.domain.order import OrderRequest, StopRequest
    from tradebot.exchange.venue_records import (
        FundingPayment,
        FundingSettlement,
        FuturesStanding,
        VenueOrder,
        VenuePosition,
        VenueStop,
    )

ALREADY_ISOLATED_CODE = -4046
INCOME_PAGE_SIZE = 1_000
FUNDING_PAGE_SIZE = 1_000


class BinanceFuturesClient(BinanceClient):
    """USD-M futures with isolated margin."""

    TIME = "fapiPublicGetTime"
    INFO = "fapiPublicGetExchangeInfo"
    INFO_HAS_PERMISSIONS = False
    KLINES = "fapiPublicGetKlines"
    CANDLE_PAGE = CANDLE_PAGE["futures"]
    PRICE = "fapiPublicV2GetTickerPrice"
    ORDER = "fapiPrivatePostOrder"
    FIND_ORDER = "fapiPrivateGetOrder"
    CANCEL_ORDER = "fapiPrivateDeleteOrder"
    ALL_ORDERS = "fapiPrivateGetAllOrders"
    OPEN_ORDERS = "fapiPrivateGetOpenOrders"
    TRADES = "fapiPrivateGetUserTrades"
    QUOTE_FIELD = "cumQuote"
    TIME_FIELDS = ("updateTime",)
    ORDER_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT})

    @staticmethod
    def urls(base_url: str) -> dict[str, str]:
        """Return ccxt's URL sections for USD-M futures."""
        return {
            "fapiPublic": f"{base_url}/fapi/v1",
            "fapiPublicV2": f"{base_url}/fapi/v2",
            "fapiPrivate": f"{base_url}/fapi/v1",
            "fapiPrivateV2": f"{base_url}/fapi/v2",
            "fapiPrivateV3": f"{base_url}/fapi/v3",
        }

    def free_balances(self) -> Mapping[str, Decimal]:
        return balances_of(self._ask("fapiPrivateV3GetBalance"), "availableBalance")

    def can_trade(self) -> bool:
        """Tell whether the key trades futures."""
        return can_trade(self._ask("fapiPrivateGetAccountConfig"))

    # --- Positions ---

    def standing(self, symbol: str) -> FuturesStanding:
        # The third version leaves out symbols without a position, and the settings of all.
        return standing_of(self._ask("fapiPrivateV2GetAccount"), symbol)

    def prepare_symbol(self, symbol: str, leverage: int) -> Decimal:
        try:
            self._ask("fapiPrivatePostMarginType", {"symbol": symbol, "marginType": "ISOLATED"})
        except ExchangeError as error:
            if error.exchange_code != ALREADY_ISOLATED_CODE:
                raise
        return notional_cap_of(self._ask("fapiPrivatePostLeverage", {"symbol": symbol, "leverage": leverage}))

    def position(self, symbol: str) -> VenuePosition:
        # The third version leaves the leverage out, which would be a second request.
        return position_of(self._ask("fapiPrivateV2GetPositionRisk", {"symbol": symbol}), symbol)

    def funding_payments(self, symbol: str, since: datetime) -> tuple[FundingPayment, ...]:
        found: list[FundingPayment] = []
        next_at = since
        while True:
            parameters: dict[str, str | int] = {
                "symbol": symbol,
                "incomeType": "FUNDING_FEE",
                "startTime": answers.milliseconds_of(next_at),
                "limit": INCOME_PAGE_SIZE,
            }
            page = [funding_of(row) for row in answers.rows_of(self._ask("fapiPrivateGetIncome", parameters))]
            found.extend(page)
            if len(page) < INCOME_PAGE_SIZE:
                return tuple(sorted(found, key=lambda one: one.paid_at))
            # One symbol has one stamp at a time, hours apart.
            next_at = max(one.paid_at for one in page) + timedelta(milliseconds=1)

    def funding_settlements(self, symbol: str, start_at: datetime, end_at: datetime) -> Sequence[FundingSettlement]:
        found: list[FundingSettlement] = []
        next_at = start_at
        while next_at < end_at:
            parameters: dict[str, str | int] = {
                "symbol": symbol,
                "startTime": answers.milliseconds_of(next_at),
                "endTime": answers.milliseconds_of(end_at) - 1,
                "limit": FUNDING_PAGE_SIZE,
            }
            rows = answers.rows_of(self._transport.public("fapiPublicGetFundingRate", parameters))
            found.extend(sorted(map(settlement_of, rows)))
            if len(rows) < FUNDING_PAGE_SIZE:
                break
            next_at = found[-1].settled_at + timedelta(milliseconds=1)
        return found

    # --- Stops ---

    def place_stop(self, request: StopRequest, signed_at_ms: int) -> VenueStop:
        rules = self._known_rules(request.symbol)
        parameters: dict[str, str | int] = {
            "algoType": "CONDITIONAL",
            "symbol": request.symbol,
            "side": request.side.value,
            "type": OrderType.STOP_MARKET.value,
            "quantity": outgoing.quantity(request.quantity, rules),
            "triggerPrice": outgoing.price(request.stop_price, rules),
            "workingType": "CONTRACT_PRICE",
            "reduceOnly": "true",
            "clientAlgoId": outgoing.client_id(request.client_algo_id),
        }
        body = self._send("fapiPrivatePostAlgoOrder", parameters, signed_at_ms)
        return stop_of(body, client_algo_id=request.client_algo_id, symbol=request.symbol)

    def find_stop(self, client_algo_id: str) -> VenueStop:
        name = {"clientAlgoId": outgoing.client_id(client_algo_id)}
        body = self._ask("fapiPrivateGetAlgoOrder", name, purpose=Purpose.FIND)
        return stop_of(body, client_algo_id=client_algo_id)

    def find_order_of_stop(self, symbol: str, order_id: int) -> VenueOrder:
        body = self._ask(self.FIND_ORDER, {"symbol": symbol, "orderId": order_id}, purpose=Purpose.FIND)
        return self._order(body, symbol, None)

    def open_stops(self, symbol: str) -> tuple[VenueStop, ...]:
        rows = answers.rows_of(self._ask("fapiPrivateGetOpenAlgoOrders", {"symbol": symbol}))
        return tuple(stop_of(row, client_algo_id=None, symbol=symbol) for row in rows)

    def cancel_stop(self, client_algo_id: str, signed_at_ms: int | None = None) -> None:
        name = {"clientAlgoId": outgoing.client_id(client_algo_id)}
        body = self._ask("fapiPrivateDeleteAlgoOrder", name, purpose=Purpose.CANCEL, signed_at_ms=signed_at_ms)
        if code_and_message(body)[0] != 200 or body.get("clientAlgoId") != client_algo_id:
            raise UnreadableAnswerError("the exchange's answer does not say that this stop was cancelled")

    # --- The line ---

    def _order_parameters(self, request: OrderRequest) -> dict[str, str | int]:
        parameters = {**super()._order_parameters(request), "newOrderRespType": "RESULT"}
        return {**parameters, "reduceOnly": "true"} if request.reduce_only else parameters
