"""What a client asks for when it places an order, read from the request and checked for form; filters come after."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.local.exchange.decimals import ZERO
from infra.local.exchange.errors import ApiError, mandatory

if TYPE_CHECKING:
    from decimal import Decimal

    from infra.local.exchange.parameters import Parameters

SPOT_CLIENT_ID = re.compile(r"^[a-zA-Z0-9-_]{1,36}$")
FUTURES_CLIENT_ID = re.compile(r"^[\.A-Z\:/a-z0-9_-]{1,36}$")
_SIDES = ("BUY", "SELL")
_SPOT_TYPES = ("MARKET", "LIMIT", "LIMIT_MAKER", "STOP_LOSS")
# Types that Binance knows and that no symbol here has.
_SPOT_UNSUPPORTED = {
    "STOP_LOSS_LIMIT": "Stop loss limit",
    "TAKE_PROFIT": "Take profit",
    "TAKE_PROFIT_LIMIT": "Take profit limit",
}
_FUTURES_TYPES = ("MARKET", "LIMIT")
# Types that Binance has on the ordinary futures endpoint's list but takes on the algo endpoint since 2025-12-09.
ALGO_TYPES = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A well-formed request for an order."""

    side: str
    type: str
    time_in_force: str
    quantity: Decimal
    price: Decimal
    quote_quantity: Decimal
    client_order_id: str | None
    reduce_only: bool
    response_type: str
    stop_price: Decimal = ZERO

    @property
    def is_market(self) -> bool:
        """Say whether it takes whatever price there is."""
        return self.type == "MARKET"

    @property
    def must_rest(self) -> bool:
        """Say whether it may only add to the book."""
        return self.type == "LIMIT_MAKER" or self.time_in_force == "GTX"

    @property
    def may_rest(self) -> bool:
        """Say whether what is not executed at once stays on the book."""
        return not self.is_market and self.time_in_force not in {"IOC", "FOK"}


def needed(value: Decimal | None, name: str) -> Decimal:
    """Return a number that must have been sent."""
    if value is None:
        raise mandatory(name)
    return value


def read_side(parameters: Parameters) -> str:
    """Read the side."""
    parameters.text("side")
    return parameters.choice("side", _SIDES, ApiError(-1117, "Invalid side.")) or ""


def read_spot(parameters: Parameters) -> Ticket:
    """Read a spot order."""
    side = read_side(parameters)
    unsupported = _SPOT_UNSUPPORTED.get(parameters.text("type"))
    if unsupported:
        raise ApiError(-1013, f"{unsupported} orders are not supported for this symbol.")
    type_ = parameters.choice("type", _SPOT_TYPES, ApiError(-1116, "Invalid orderType.")) or ""
    quantity, price = parameters.decimal("quantity"), parameters.decimal("price")
    quote_quantity, stop_price = parameters.decimal("quoteOrderQty"), parameters.decimal("stopPrice")
    time_in_force = parameters.choice("timeInForce", ("GTC", "IOC", "FOK"), ApiError(-1115, "Invalid timeInForce."))
    client_order_id = parameters.matching("newClientOrderId", SPOT_CLIENT_ID)
    response_type = read_spot_manners(parameters)
    parameters.refuse_unread()
    if type_ != "LIMIT":
        refuse_extra("timeInForce", time_in_force)
    if type_ in {"MARKET", "STOP_LOSS"}:
        refuse_extra("price", price)
    if type_ != "STOP_LOSS":
        refuse_extra("stopPrice", stop_price)
    if type_ == "MARKET":
        if quantity is None and quote_quantity is None:
            raise ApiError(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
        if quantity is not None and quote_quantity is not None:
            raise ApiError(-1128, "Combination of optional parameters invalid.")
    else:
        refuse_extra("quoteOrderQty", quote_quantity)
        if type_ == "LIMIT" and time_in_force is None:
            raise mandatory("timeInForce")
        quantity = needed(quantity, "quantity")
        if type_ == "STOP_LOSS":
            stop_price = positive_stop(stop_price, "stopPrice")
        else:
            price = needed(price, "price")
    return Ticket(
        side=side,
        type=type_,
        time_in_force=time_in_force or "GTC",
        quantity=quantity or ZERO,
        price=price or ZERO,
        quote_quantity=quote_quantity or ZERO,
        client_order_id=client_order_id,
        reduce_only=False,
        response_type=response_type or "FULL",
        stop_price=stop_price or ZERO,
    )


def read_spot_manners(parameters: Parameters) -> str | None:
    """Read how long the answer shall be; self-trades cannot happen, so their prevention is only checked for form."""
    response_type = parameters.choice(
        "newOrderRespType", ("ACK", "RESULT", "FULL"), ApiError(-1136, "Invalid newOrderRespType.")
    )
    parameters.choice(
        "selfTradePreventionMode",
        ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"),
        ApiError(-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid."),
    )
    return response_type


def positive_stop(value: Decimal | None, name: str) -> Decimal:
    """Return a stop price that was sent and is above zero."""
    if not needed(value, name):
        raise ApiError(-1013, "Invalid stopPrice.")
    assert value is not None
    return value


def refuse_extra(name: str, value: object) -> None:
    """Refuse a parameter that the kind of order does not take."""
    if value is not None:
        raise ApiError(-1106, f"Parameter '{name}' sent when not required.")


def _futures_client_id(parameters: Parameters) -> str | None:
    text = parameters.optional("newClientOrderId")
    if text is not None and len(text) > 36:
        raise ApiError(-4015, "Client order id length should be less than 36 chars")
    return parameters.matching("newClientOrderId", FUTURES_CLIENT_ID)


def read_futures(parameters: Parameters) -> Ticket:
    """Read a futures order; parameters that the endpoint does not know are ignored, as Binance does there."""
    side = read_side(parameters)
    if parameters.text("type") in ALGO_TYPES:
        raise ApiError(
            -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
        )
    type_ = parameters.choice("type", _FUTURES_TYPES, ApiError(-1116, "Invalid orderType.")) or ""
    if parameters.optional("positionSide") not in {None, "BOTH"}:
        raise ApiError(-4061, "Order's position side does not match user's setting.")
    time_in_force = parameters.choice(
        "timeInForce", ("GTC", "IOC", "FOK", "GTX"), ApiError(-1115, "Invalid timeInForce.")
    )
    quantity = needed(parameters.decimal("quantity"), "quantity")
    price = parameters.decimal("price")
    response_type = parameters.choice(
        "newOrderRespType", ("ACK", "RESULT"), ApiError(-1136, "Invalid newOrderRespType")
    )
    if type_ == "MARKET":
        refuse_extra("price", price)
        refuse_extra("timeInForce", time_in_force)
    else:
        if time_in_force is None:
            raise mandatory("timeInForce")
        price = needed(price, "price")
    return Ticket(
        side=side,
        type=type_,
        time_in_force=time_in_force or "GTC",
        quantity=quantity,
        price=price or ZERO,
        quote_quantity=ZERO,
        client_order_id=_futures_client_id(parameters),
        reduce_only=parameters.boolean("reduceOnly"),
        response_type=response_type or "ACK",
    )
