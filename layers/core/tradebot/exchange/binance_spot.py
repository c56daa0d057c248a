"""Binance spot under /api/v3, and under /sapi/v1 what a key may do and the way to futures. The testnet has no /sapi."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.domain.order import OrderType, Side
from tradebot.errors import ConflictError, MarketClosedError
from tradebot.exchange import answers, outgoing
from tradebot.exchange.account_answers import balances_of, can_trade, restrictions_of, transfer_of
from tradebot.exchange.binance import BinanceClient
from tradebot.exchange.error_map import SYMBOL_STATUS_CODE, Purpose
from tradebot.exchange.order_answers import list_of, with_fills
from tradebot.exchange.weights import CANDLE_PAGE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from tradebot.domain.order import OcoRequest, OrderRequest
    from tradebot.exchange.venue_records import KeyReport, Transfer, VenueOrder, VenueOrderList

SPOT_TO_FUTURES = "MAIN_UMFUTURE"
TRANSFER_PAGE_SIZE = 100


class BinanceSpotClient(BinanceClient):
    """Spot, long only: a position is an amount of base asset."""

    TIME = "publicGetTime"
    INFO = "publicGetExchangeInfo"
    INFO_HAS_PERMISSIONS = True
    KLINES = "publicGetKlines"
    CANDLE_PAGE = CANDLE_PAGE["spot"]
    PRICE = "publicGetTickerPrice"
    ORDER = "privatePostOrder"
    FIND_ORDER = "privateGetOrder"
    CANCEL_ORDER = "privateDeleteOrder"
    ALL_ORDERS = "privateGetAllOrders"
    OPEN_ORDERS = "privateGetOpenOrders"
    TRADES = "privateGetMyTrades"
    QUOTE_FIELD = "cummulativeQuoteQty"
    TIME_FIELDS = ("transactTime", "updateTime")
    ORDER_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_LOSS, OrderType.LIMIT_MAKER})

    @staticmethod
    def urls(base_url: str) -> dict[str, str]:
        """Return ccxt's URL sections for spot."""
        return {"public": f"{base_url}/api/v3", "private": f"{base_url}/api/v3", "sapi": f"{base_url}/sapi/v1"}

    def free_balances(self) -> Mapping[str, Decimal]:
        body = self._ask("privateGetAccount", {"omitZeroBalances": "true"})
        return balances_of(answers.field_of(body, "balances"), "free")

    def trading_price(self, symbol: str) -> Decimal | None:
        # Costs what the price alone costs. The status of exchangeInfo is an hour old, or 20 of weight.
        wanted = {"symbol": symbol, "symbolStatus": "TRADING"}
        try:
            body = self._transport.public(self.PRICE, wanted)
        except MarketClosedError as error:
            if error.exchange_code == SYMBOL_STATUS_CODE:
                return None
            raise
        return answers.decimal_of(answers.field_of(body, "price"))

    # --- Order lists ---

    def place_oco(self, request: OcoRequest, signed_at_ms: int) -> VenueOrderList:
        body = self._send("privatePostOrderListOco", self._oco_parameters(request), signed_at_ms)
        return self._reported_list(body, request.symbol, request.list_client_order_id)

    def find_order_list(self, list_client_order_id: str) -> VenueOrderList:
        name = {"origClientOrderId": outgoing.client_id(list_client_order_id)}
        body = self._ask("privateGetOrderList", name, purpose=Purpose.FIND)
        # A queried list only names its orders; what became of them is asked of each.
        orders = tuple(
            self.find_order(answers.text_of(row, "symbol"), answers.text_of(row, "clientOrderId"))
            for row in answers.rows_of(body, "orders")
        )
        return list_of(body, orders, list_client_order_id=list_client_order_id)

    def cancel_order_list(
        self, symbol: str, list_client_order_id: str, signed_at_ms: int | None = None
    ) -> VenueOrderList:
        name = {"symbol": symbol, "listClientOrderId": outgoing.client_id(list_client_order_id)}
        body = self._ask("privateDeleteOrderList", name, purpose=Purpose.CANCEL, signed_at_ms=signed_at_ms)
        return self._reported_list(body, symbol, list_client_order_id)

    def _oco_parameters(self, request: OcoRequest) -> dict[str, str | int]:
        rules = self._known_rules(request.symbol)
        # The stop is a market order once it triggers: a stop-limit is jumped over by a gap.
        stop, take_profit = ("below", "above") if request.side is Side.SELL else ("above", "below")
        return {
            "symbol": request.symbol,
            "side": request.side.value,
            "quantity": outgoing.quantity(request.quantity, rules),
            "listClientOrderId": outgoing.client_id(request.list_client_order_id),
            f"{stop}Type": OrderType.STOP_LOSS.value,
            f"{stop}StopPrice": outgoing.price(request.stop_price, rules),
            f"{stop}ClientOrderId": outgoing.client_id(request.stop_client_order_id),
            f"{take_profit}Type": OrderType.LIMIT_MAKER.value,
            f"{take_profit}Price": outgoing.price(request.take_profit_price, rules),
            f"{take_profit}ClientOrderId": outgoing.client_id(request.take_profit_client_order_id),
            "newOrderRespType": "RESULT",
        }

    def _reported_list(self, body: Any, symbol: str, list_client_order_id: str) -> VenueOrderList:
        orders = tuple(self._order(row, symbol, None) for row in answers.rows_of(body, "orderReports"))
        return list_of(body, orders, list_client_order_id=list_client_order_id, symbol=symbol)

    # --- Wallet ---

    def transfer_to_futures(self, asset: str, amount: Decimal, signed_at_ms: int) -> str:
        parameters = {"type": SPOT_TO_FUTURES, "asset": asset, "amount": outgoing.quantity(amount, None)}
        body = self._send("sapiPostAssetTransfer", parameters, signed_at_ms)
        return str(answers.integer_of(answers.field_of(body, "tranId")))

    def transfers_to_futures(self, asset: str, since: datetime) -> tuple[Transfer, ...]:
        found: list[Transfer] = []
        page = 0
        is_last = False
        while not is_last:
            page += 1
            parameters: dict[str, str | int] = {
                "type": SPOT_TO_FUTURES,
                "startTime": answers.milliseconds_of(since),
                "current": page,
                "size": TRANSFER_PAGE_SIZE,
            }
            body = self._ask("sapiGetAssetTransfer", parameters)
            # An account that never transferred has no rows at all.
            is_empty = answers.integer_of(answers.field_of(body, "total")) == 0
            rows = [] if is_empty else answers.rows_of(body, "rows")
            found.extend(transfer_of(row) for row in rows if row.get("asset") == asset)
            is_last = len(rows) < TRANSFER_PAGE_SIZE
        return tuple(sorted(found, key=lambda one: (one.made_at, one.transaction_id)))

    def key_report(self) -> KeyReport:
        return restrictions_of(self._ask("sapiGetAccountApiRestrictions"))

    # --- The line ---

    def _order_parameters(self, request: OrderRequest) -> dict[str, str | int]:
        return {**super()._order_parameters(request), "newOrderRespType": "FULL"}

    def _order(self, body: Any, symbol: str, client_order_id: str | None) -> VenueOrder:
        order = super()._order(body, symbol, client_order_id)
        return with_fills(order, body["fills"]) if "fills" in body else order


class BinanceSpotTestnetClient(BinanceSpotClient):
    """Spot of the testnet: no transfers, and of a key it only says whether it trades."""

    def transfer_to_futures(self, asset: str, amount: Decimal, signed_at_ms: int) -> str:
        del asset, amount, signed_at_ms
        raise ConflictError("The testnet moves no money from spot to futures: use the faucet of its futures site.")

    def transfers_to_futures(self, asset: str, since: datetime) -> tuple[Transfer, ...]:
        del asset, since
        return ()

    def can_trade(self) -> bool:
        """Tell whether the key trades spot."""
        return can_trade(self._ask("privateGetAccount", {"omitZeroBalances": "true"}))
