"""What a client asks for when it places an order list or an algo order, read and checked for form."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal  # noqa: TC003 - part of the dataclasses
from typing import TYPE_CHECKING

from infra.local.exchange.decimals import ZERO
from infra.local.exchange.errors import ApiError, mandatory
from infra.local.exchange.records import BUY
from infra.local.exchange.tickets import (
    ALGO_TYPES,
    FUTURES_CLIENT_ID,
    SPOT_CLIENT_ID,
    Ticket,
    needed,
    positive_stop,
    read_side,
    read_spot_manners,
    refuse_extra,
)

if TYPE_CHECKING:
    from infra.local.exchange.parameters import Parameters

_LIST_TYPES = ("STOP_LOSS", "STOP_LOSS_LIMIT", "LIMIT_MAKER", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


@dataclass(frozen=True, slots=True)
class ListTicket:
    """A well-formed request for a one-cancels-the-other pair."""

    client_list_id: str | None
    stop: Ticket
    limit: Ticket
    response_type: str


@dataclass(frozen=True, slots=True)
class AlgoTicket:
    """A well-formed request for an algo order."""

    side: str
    type: str
    time_in_force: str
    quantity: Decimal
    trigger_price: Decimal
    reduce_only: bool
    close_position: bool
    working_type: str
    client_algo_id: str | None


def read_list(parameters: Parameters) -> ListTicket:
    """Read an order list: a LIMIT_MAKER on the profitable side of the price, a STOP_LOSS on the other."""
    side = read_side(parameters)
    quantity = needed(parameters.decimal("quantity"), "quantity")
    kinds = {}
    for place in ("above", "below"):
        kinds[place] = parameters.text(f"{place}Type")
        if kinds[place] not in _LIST_TYPES:
            raise ApiError(-1116, "Invalid orderType.")
    _check_places(side, kinds["above"], kinds["below"])
    stop_place, limit_place = ("above", "below") if side == BUY else ("below", "above")
    stop = _leg(parameters, side, quantity, stop_place, "STOP_LOSS")
    limit = _leg(parameters, side, quantity, limit_place, "LIMIT_MAKER")
    client_list_id = parameters.matching("listClientOrderId", SPOT_CLIENT_ID)
    response_type = read_spot_manners(parameters)
    parameters.refuse_unread()
    return ListTicket(client_list_id, stop, limit, response_type or "RESULT")


def _check_places(side: str, above: str, below: str) -> None:
    if above == below == "LIMIT_MAKER":
        raise ApiError(-1168, "At least one OCO order must be contingent.")
    profit, stop = (below, above) if side == BUY else (above, below)
    where = "below" if side == BUY else "above"
    other = "above" if side == BUY else "below"
    name = side.lower()
    if stop == "LIMIT_MAKER":
        raise ApiError(-1165 if side == BUY else -1166, f"A limit order in a {name} OCO must be {where}.")
    if profit.startswith("STOP_LOSS"):
        raise ApiError(-1196 if side == BUY else -1197, f"A stop loss order in a {name} OCO must be {other}.")
    if stop.startswith("TAKE_PROFIT"):
        raise ApiError(-1198 if side == BUY else -1199, f"A take profit order in a {name} OCO must be {where}.")
    if (profit, stop) != ("LIMIT_MAKER", "STOP_LOSS"):  # no symbol here has the others
        raise ApiError(-1158, "Order type not supported in OCO.")


def _leg(parameters: Parameters, side: str, quantity: Decimal, place: str, kind: str) -> Ticket:
    price, stop_price = parameters.decimal(f"{place}Price"), parameters.decimal(f"{place}StopPrice")
    refuse_extra(f"{place}TimeInForce", parameters.optional(f"{place}TimeInForce"))
    if kind == "STOP_LOSS":
        refuse_extra(f"{place}Price", price)
        stop_price = positive_stop(stop_price, f"{place}StopPrice")
    else:
        refuse_extra(f"{place}StopPrice", stop_price)
        price = needed(price, f"{place}Price")
    return Ticket(
        side=side,
        type=kind,
        time_in_force="GTC",
        quantity=quantity,
        price=price or ZERO,
        quote_quantity=ZERO,
        client_order_id=parameters.matching(f"{place}ClientOrderId", SPOT_CLIENT_ID),
        reduce_only=False,
        response_type="RESULT",
        stop_price=stop_price or ZERO,
    )


def read_algo(parameters: Parameters) -> AlgoTicket:
    """Read an algo order: a STOP_MARKET or TAKE_PROFIT_MARKET; other kinds are not traded here."""
    if parameters.text("algoType") != "CONDITIONAL":
        raise ApiError(-1130, "Data sent for parameter 'algoType' is not valid.")
    side = read_side(parameters)
    type_ = parameters.text("type")
    if type_ not in ALGO_TYPES:
        raise ApiError(-1116, "Invalid orderType.")
    if type_ not in {"STOP_MARKET", "TAKE_PROFIT_MARKET"}:
        raise ApiError(-1020, "This operation is not supported.")
    refuse_extra("price", parameters.optional("price"))
    invalid_tif = ApiError(-1115, "Invalid timeInForce.")
    time_in_force = parameters.choice("timeInForce", ("GTC", "GTE_GTC", "IOC", "FOK", "GTX"), invalid_tif) or "GTC"
    working_type = parameters.choice(
        "workingType",
        ("CONTRACT_PRICE", "MARK_PRICE"),
        ApiError(-1130, "Data sent for parameter 'workingType' is not valid."),
    )
    close_position, reduce_only = parameters.boolean("closePosition"), parameters.boolean("reduceOnly")
    quantity = parameters.decimal("quantity")
    if close_position and quantity:
        raise ApiError(-4137, "Quantity must be zero with closePosition equals true.")
    if close_position and reduce_only:
        refuse_extra("reduceOnly", value=True)
    if not close_position:
        quantity = needed(quantity, "quantity")
    trigger_price = parameters.decimal("triggerPrice")
    if trigger_price is None:
        raise mandatory("triggerPrice")
    client_algo_id = parameters.optional("clientAlgoId")
    if client_algo_id is not None and len(client_algo_id) > 36:
        raise ApiError(-4015, "Client order id length should be less than 36 chars")
    return AlgoTicket(
        side=side,
        type=type_,
        time_in_force=time_in_force,
        quantity=quantity or ZERO,
        trigger_price=trigger_price,
        reduce_only=reduce_only or close_position,
        close_position=close_position,
        working_type=working_type or "CONTRACT_PRICE",
        client_algo_id=parameters.matching("clientAlgoId", FUTURES_CLIENT_ID),
    )
