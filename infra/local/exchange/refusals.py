"""Binance's error codes with status and message, for faults that answer one whatever was asked.

From Binance's pages of error codes of spot and USD-M futures. What the desks refuse by themselves they say themselves.
"""

from __future__ import annotations

from infra.local.exchange.errors import ApiError

_UNAVAILABLE, _TIMED_OUT, _BANNED, _TOO_MANY, _UNAUTHORIZED = 503, 504, 418, 429, 401
#: Everything that is not named here is answered 400.
STATUSES = {
    -1000: 500, -1001: _UNAVAILABLE, -1002: _UNAUTHORIZED, -1003: _TOO_MANY, -1004: _UNAVAILABLE, -1006: _UNAVAILABLE,
    -1007: _TIMED_OUT, -1008: _UNAVAILABLE, -1015: _TOO_MANY, -1016: _UNAVAILABLE, -2014: _UNAUTHORIZED,
    -2015: _UNAUTHORIZED,
}  # fmt: skip
MESSAGES = {
    -1000: "An unknown error occurred while processing the request.",
    -1001: "Internal error; unable to process your request. Please try again.",
    -1002: "You are not authorized to execute this request.",
    -1003: "Too many requests queued.",
    -1004: "Server is busy, please wait and try again.",
    -1006: "An unexpected response was received from the message bus. Execution status unknown.",
    -1007: "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    -1008: "Server is currently overloaded with other requests. Please try again in a few minutes.",
    -1013: "Filter failure: LOT_SIZE",
    -1014: "Unsupported order combination.",
    -1015: "Too many new orders; current limit is 100 orders per 10 SECOND.",
    -1016: "This service is no longer available.",
    -1020: "This operation is not supported.",
    -1021: "Timestamp for this request is outside of the recvWindow.",
    -1022: "Signature for this request is not valid.",
    -1100: "Illegal characters found in parameter 'quantity'; legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'.",
    -1101: "Too many parameters sent for this endpoint.",
    -1102: "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.",
    -1103: "An unknown parameter was sent.",
    -1104: "Not all sent parameters were read; read '5' parameter(s) but was sent '6'.",
    -1105: "Parameter 'quantity' was empty.",
    -1106: "Parameter 'timeInForce' sent when not required.",
    -1108: "Parameter 'asset' overflowed.",
    -1111: "Precision is over the maximum defined for this asset.",
    -1112: "No orders on book for symbol.",
    -1114: "TimeInForce parameter sent when not required.",
    -1115: "Invalid timeInForce.",
    -1116: "Invalid orderType.",
    -1117: "Invalid side.",
    -1118: "New client order ID was empty.",
    -1119: "Original client order ID was empty.",
    -1120: "Invalid interval.",
    -1121: "Invalid symbol.",
    -1122: "Invalid symbol status.",
    -1128: "Combination of optional parameters invalid.",
    -1130: "Data sent for parameter 'quantity' is not valid.",
    -1131: "recvWindow must be less than 60000.",
    -2008: "Invalid Api-Key ID.",
    -1158: "Order type not supported in OCO.",
    -1165: "A limit order in a buy OCO must be below.",
    -1166: "A limit order in a sell OCO must be above.",
    -1168: "At least one OCO order must be contingent.",
    -1196: "A stop loss order in a buy OCO must be above.",
    -1197: "A stop loss order in a sell OCO must be below.",
    -1198: "A take profit order in a buy OCO must be below.",
    -1199: "A take profit order in a sell OCO must be above.",
    -2010: "Account has insufficient balance for requested action.",
    -2011: "Unknown order sent.",
    -2012: "Batch cancel failure.",
    -2013: "Order does not exist.",
    -2014: "API-key format invalid.",
    -2015: "Invalid API-key, IP, or permissions for action.",
    -2016: "No trading window could be found for the symbol. Try ticker/24hrs instead.",
    -2018: "Balance is insufficient.",
    -2019: "Margin is insufficient.",
    -2020: "Unable to fill.",
    -2021: "Order would immediately trigger.",
    -2022: "ReduceOnly Order is rejected.",
    -2023: "User in liquidation mode now.",
    -2024: "Position is not sufficient.",
    -2025: "Reach max open order limit.",
    -2026: "This OrderType is not supported when reduceOnly.",
    -2027: "Exceeded the maximum allowable position at current leverage.",
    -2028: "Leverage is smaller than permitted: insufficient margin balance.",
    -4000: "Invalid order status.",
    -4001: "Price less than 0.",
    -4002: "Price greater than max price.",
    -4003: "Quantity less than zero.",
    -4004: "Quantity less than min quantity.",
    -4005: "Quantity greater than max quantity.",
    -4006: "Stop price less than zero.",
    -4007: "Stop price greater than max price.",
    -4013: "Price less than min price.",
    -4014: "Price not increased by tick size.",
    -4015: "Client order id length should be less than 36 chars.",
    -4016: "Price is higher than mark price multiplier cap.",
    -4023: "Quantity not increased by step size.",
    -4024: "Price is lower than mark price multiplier floor.",
    -4028: "Leverage 200 is not valid.",
    -4045: "Reach max stop order limit.",
    -4046: "No need to change margin type.",
    -4047: "Margin type cannot be changed if there exists open orders.",
    -4048: "Margin type cannot be changed if there exists position.",
    -4061: "Order's position side does not match user's setting.",
    -4116: "ClientOrderId is duplicated.",
    -4118: "Reduce only order failed. Please check your existing position and open orders.",
    -4120: "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
    -4131: "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
    -4140: "Invalid symbol status for opening position.",
    -4141: "Symbol is closed.",
    -4161: "Leverage reduction is not supported in Isolated Margin Mode with open positions.",
    -4164: "Order's notional must be no smaller than 5 (unless you choose reduce only).",
    -4188: "Timestamp for this request is outside of the ME recvWindow.",
    -5021: "Due to the order could not be filled immediately, the FOK order has been rejected.",
    -5022: "Due to the order could not be executed as maker, the Post Only order will be rejected.",
    -5028: "Timestamp for this request is outside of the ME recvWindow.",
}


def refusal(code: int, message: str | None = None) -> ApiError:
    """Return the refusal of a code, with Binance's message for it where none is given."""
    return ApiError(code, message or MESSAGES.get(code, "Refused."), STATUSES.get(code, 400))


def timed_out(*, is_futures: bool) -> ApiError:
    """Return what is answered where the matching engine has not answered in time."""
    return ApiError(-1007, MESSAGES[-1007], 408 if is_futures else _TIMED_OUT)
