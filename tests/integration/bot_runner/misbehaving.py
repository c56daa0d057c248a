"""Accounts that lose, hide and die, and the markets that a test is played on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tradebot.errors import ExchangeUnavailableError, OrderAbsentError

if TYPE_CHECKING:
    from tradebot.domain.order import OrderRequest
    from tradebot.exchange.protocol import Account, VenueOrder

BOTH_MARKETS = pytest.mark.parametrize("market", ["spot", "futures"])


class KilledError(BaseException):
    """The worker dies here: nothing of it runs any more, as after SIGKILL."""


class Misbehaving:
    """An account that passes everything on; subclasses break `send_order` or `find_order`."""

    def __init__(self, account: Account) -> None:
        self._account: Any = account

    def __getattr__(self, name: str) -> Any:
        return getattr(self._account, name)


class DiesBeforeSending(Misbehaving):
    def send_order(self, *_: Any) -> VenueOrder:
        raise KilledError


class DiesBeforeRecording(Misbehaving):
    def send_order(self, request: OrderRequest, signed_at_ms: int) -> VenueOrder:
        self._account.send_order(request, signed_at_ms)
        raise KilledError


class LosesTheAnswer(Misbehaving):
    """Of an order, and of the look for it right after that."""

    is_lost = False

    def send_order(self, request: OrderRequest, signed_at_ms: int) -> VenueOrder:
        self._account.send_order(request, signed_at_ms)
        self.is_lost = True
        raise ExchangeUnavailableError("the exchange gave no answer")

    def find_order(self, symbol: str, client_order_id: str) -> VenueOrder:
        if self.is_lost:
            raise ExchangeUnavailableError("the exchange gave no answer")
        found: VenueOrder = self._account.find_order(symbol, client_order_id)
        return found


class LosesTheRequest(Misbehaving):
    def send_order(self, *_: Any) -> VenueOrder:
        raise ExchangeUnavailableError("the exchange gave no answer")


class DoesNotShowOrders(LosesTheAnswer):
    def find_order(self, *_: Any) -> VenueOrder:
        raise OrderAbsentError("the exchange shows no such order")
