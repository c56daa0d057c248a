"""Binance spot and USD-M futures through ccxt, one class each over the same transport."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from tradebot.domain.money import canonical
from tradebot.errors import ConflictError, ExchangeError, OrderRejectedError
from tradebot.exchange import answers
from tradebot.exchange.protocol import KeyReport
from tradebot.exchange.transport import CcxtTransport

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from tradebot.domain.candle import Candle
    from tradebot.domain.order import Fill, OrderRequest
    from tradebot.domain.symbol import SymbolRules
    from tradebot.exchange.protocol import VenueOrder
    from tradebot.exchange.transport import Venue

CANDLE_PAGE_SIZE = 1_000
LISTED_ORDERS_LIMIT = 500
SYMBOL_RULES_KEPT_SECONDS = 3_600.0
ALREADY_ISOLATED_CODE = -4046


class _BinanceClient:
    """What the two markets have in common."""

    #: Names of ccxt's implicit methods and of fields that differ between the markets.
    TIME: ClassVar[str]
    INFO: ClassVar[str]
    #: Futures answer with all symbols; all are kept.
    INFO_TAKES_SYMBOL: ClassVar[bool]
    KLINES: ClassVar[str]
    PRICE: ClassVar[str]
    ORDER: ClassVar[str]
    FIND_ORDER: ClassVar[str]
    ALL_ORDERS: ClassVar[str]
    TRADES: ClassVar[str]
    QUOTE_FIELD: ClassVar[str]
    TIME_FIELDS: ClassVar[tuple[str, ...]]

    def __init__(self, transport: CcxtTransport) -> None:
        self._transport = transport

    def synchronise_clock(self, *, force: bool = False) -> None:
        self._transport.synchronise_clock(
            lambda: answers.integer_of(answers.field_of(self._transport.public(self.TIME), "serverTime")), force=force
        )

    def wire_now_ms(self) -> int:
        return self._transport.wire_now_ms()

    def symbol_rules(self, symbol: str) -> SymbolRules:
        kept = self._transport.venue.symbol_rules
        now = time.monotonic()
        read_at, rules = kept.get(symbol, (0.0, None))
        if rules is None or now - read_at > SYMBOL_RULES_KEPT_SECONDS:
            body = self._transport.public(self.INFO, {"symbol": symbol} if self.INFO_TAKES_SYMBOL else None)
            kept.update({name: (now, one) for name, one in answers.rules_of(body).items()})
            if symbol not in kept:
                raise OrderRejectedError(f"the exchange does not trade {symbol}")
            rules = kept[symbol][1]
        known: SymbolRules = rules
        return known

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
                        "limit": CANDLE_PAGE_SIZE,
                    },
                )
            ]
            found.extend(page)
            if len(page) < CANDLE_PAGE_SIZE:
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

    def send_order(self, request: OrderRequest, signed_at_ms: int) -> VenueOrder:
        body = self._transport.signed(self.ORDER, self._order_parameters(request), at_ms=signed_at_ms)
        return self._order(body, request.client_order_id)

    def _order_parameters(self, request: OrderRequest) -> dict[str, str | int]:
        return {
            "symbol": request.symbol,
            "side": request.side.value,
            "type": request.type.value,
            "quantity": canonical(request.quantity),
            "newClientOrderId": request.client_order_id,
        }

    def find_order(self, symbol: str, client_order_id: str) -> VenueOrder:
        body = self._transport.signed(self.FIND_ORDER, {"symbol": symbol, "origClientOrderId": client_order_id})
        return self._order(body, client_order_id)

    def find_listed_order(self, symbol: str, client_order_id: str) -> VenueOrder | None:
        rows = self._transport.signed(self.ALL_ORDERS, {"symbol": symbol, "limit": LISTED_ORDERS_LIMIT})
        found = (row for row in answers.rows_of(rows) if row.get("clientOrderId") == client_order_id)
        return next((self._order(row, client_order_id) for row in found), None)

    def order_fills(self, symbol: str, order_id: int) -> tuple[Fill, ...]:
        rows = answers.rows_of(self._transport.signed(self.TRADES, {"symbol": symbol, "orderId": order_id}))
        return tuple(answers.fill_of(row) for row in rows if answers.integer_of(row.get("orderId")) == order_id)

    def _order(self, body: Any, client_order_id: str) -> VenueOrder:
        return answers.order_of(
            body, client_order_id=client_order_id, quote_field=self.QUOTE_FIELD, time_fields=self.TIME_FIELDS
        )


class BinanceSpotClient(_BinanceClient):
    """Spot under /api/v3, and the key's own restrictions under /sapi/v1."""

    TIME = "publicGetTime"
    INFO = "publicGetExchangeInfo"
    INFO_TAKES_SYMBOL = True
    KLINES = "publicGetKlines"
    PRICE = "publicGetTickerPrice"
    ORDER = "privatePostOrder"
    FIND_ORDER = "privateGetOrder"
    ALL_ORDERS = "privateGetAllOrders"
    TRADES = "privateGetMyTrades"
    QUOTE_FIELD = "cummulativeQuoteQty"
    TIME_FIELDS = ("transactTime", "updateTime")

    @staticmethod
    def urls(base_url: str) -> dict[str, str]:
        """Return ccxt's URL sections for spot."""
        return {"public": f"{base_url}/api/v3", "private": f"{base_url}/api/v3", "sapi": f"{base_url}/sapi/v1"}

    def free_balances(self) -> Mapping[str, Decimal]:
        body = self._transport.signed("privateGetAccount", {"omitZeroBalances": "true"})
        return {str(row.get("asset")): answers.decimal_of(row.get("free")) for row in answers.rows_of(body, "balances")}

    def prepare_symbol(self, symbol: str, leverage: int) -> None:
        """Spot has neither leverage nor positions."""

    def _order_parameters(self, request: OrderRequest) -> dict[str, str | int]:
        return {**super()._order_parameters(request), "newOrderRespType": "FULL"}

    def _order(self, body: Any, client_order_id: str) -> VenueOrder:
        order = super()._order(body, client_order_id)
        return answers.with_fills(order, body["fills"]) if "fills" in body else order

    def key_report(self) -> KeyReport:
        body = self._transport.signed("sapiGetAccountApiRestrictions")
        return KeyReport(
            can_read=answers.flag_of(body, "enableReading"),
            can_trade=answers.flag_of(body, "enableSpotAndMarginTrading") or answers.flag_of(body, "enableFutures"),
            can_withdraw=answers.flag_of(body, "enableWithdrawals"),
            is_ip_restricted=answers.flag_of(body, "ipRestrict"),
        )


class BinanceSpotTestnetClient(BinanceSpotClient):
    """The spot testnet has no /sapi: an account that can be read is all that can be known of a key there."""

    def key_report(self) -> KeyReport:
        body = self._transport.signed("privateGetAccount", {"omitZeroBalances": "true"})
        can_trade = answers.flag_of(body, "canTrade")
        return KeyReport(can_read=True, can_trade=can_trade, can_withdraw=False, is_ip_restricted=False)


class BinanceFuturesClient(_BinanceClient):
    """USD-M futures under /fapi, one-way mode."""

    TIME = "fapiPublicGetTime"
    INFO = "fapiPublicGetExchangeInfo"
    INFO_TAKES_SYMBOL = False
    KLINES = "fapiPublicGetKlines"
    PRICE = "fapiPublicV2GetTickerPrice"
    ORDER = "fapiPrivatePostOrder"
    FIND_ORDER = "fapiPrivateGetOrder"
    ALL_ORDERS = "fapiPrivateGetAllOrders"
    TRADES = "fapiPrivateGetUserTrades"
    QUOTE_FIELD = "cumQuote"
    TIME_FIELDS = ("updateTime",)

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
        rows = self._transport.signed("fapiPrivateV3GetBalance")
        return {str(row.get("asset")): answers.decimal_of(row.get("availableBalance")) for row in answers.rows_of(rows)}

    def prepare_symbol(self, symbol: str, leverage: int) -> None:
        positions = answers.rows_of(self._transport.signed("fapiPrivateV3GetPositionRisk", {"symbol": symbol}))
        if any(answers.decimal_of(row.get("positionAmt", 0)) != 0 for row in positions):
            raise ConflictError(
                f"the account already holds a futures position in {symbol} that this bot did not open: close it first"
            )
        try:
            self._transport.signed("fapiPrivatePostMarginType", {"symbol": symbol, "marginType": "ISOLATED"})
        except ExchangeError as error:
            if error.exchange_code != ALREADY_ISOLATED_CODE:
                raise
        self._transport.signed("fapiPrivatePostLeverage", {"symbol": symbol, "leverage": leverage})

    def _order_parameters(self, request: OrderRequest) -> dict[str, str | int]:
        parameters = {**super()._order_parameters(request), "newOrderRespType": "RESULT"}
        return {**parameters, "reduceOnly": "true"} if request.reduce_only else parameters


def make_client(
    venue: Venue, environment: str, market: str, *, api_key: str = "", secret_key: str = ""
) -> BinanceSpotClient | BinanceFuturesClient:
    """Return the client for `market` (`spot` or `futures`) of `environment` (`live` or `testnet`)."""
    if market == "futures":
        urls = BinanceFuturesClient.urls(venue.base_url)
        return BinanceFuturesClient(CcxtTransport(venue, urls, api_key=api_key, secret_key=secret_key))
    return make_key_checker(venue, environment, api_key=api_key, secret_key=secret_key)


def make_key_checker(venue: Venue, environment: str, *, api_key: str, secret_key: str) -> BinanceSpotClient:
    """Return the client that can say what a key may do: spot's, for keys of both markets."""
    kind = BinanceSpotClient if environment == "live" else BinanceSpotTestnetClient
    return kind(CcxtTransport(venue, kind.urls(venue.base_url), api_key=api_key, secret_key=secret_key))
