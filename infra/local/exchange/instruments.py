"""What is traded and within which limits: symbols of both markets with the values of Binance's own filters."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class MarketKind(StrEnum):
    """The two markets of one process."""

    SPOT = "spot"
    FUTURES = "futures"


@dataclass(frozen=True, slots=True)
class Bracket:
    """One step of the futures risk table: what leverage a notional may have and what margin keeps it alive."""

    number: int
    max_leverage: int
    floor: Decimal
    cap: Decimal
    maintenance_rate: Decimal
    maintenance_amount: Decimal


@dataclass(frozen=True, slots=True)
class Instrument:
    """A symbol of one market and its filters; a step of zero is a filter that is off."""

    kind: MarketKind
    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    min_price: Decimal
    max_price: Decimal
    step_size: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    market_max_quantity: Decimal
    min_notional: Decimal
    max_notional: Decimal
    price_up: Decimal
    price_down: Decimal
    brackets: tuple[Bracket, ...] = ()
    max_orders: int = 200
    max_stops: int = 5

    def bracket_of(self, notional: Decimal) -> Bracket:
        """Return the bracket that holds `notional`; the last one holds all beyond."""
        for bracket in self.brackets:
            if notional < bracket.cap:
                return bracket
        return self.brackets[-1]

    def allowed_notional(self, leverage: int) -> Decimal:
        """Return the largest futures position that may have `leverage`."""
        return max((one.cap for one in self.brackets if one.max_leverage >= leverage), default=Decimal(0))


def brackets(*steps: tuple[str, int, str]) -> tuple[Bracket, ...]:
    """Build a risk table from (cap, leverage, rate); the amounts make the margin continuous from step to step."""
    made: list[Bracket] = []
    floor, rate, amount = Decimal(0), Decimal(0), Decimal(0)
    for number, (cap, leverage, next_rate) in enumerate(steps, start=1):
        amount += floor * (Decimal(next_rate) - rate) if number > 1 else Decimal(0)
        rate = Decimal(next_rate)
        made.append(Bracket(number, leverage, floor, Decimal(cap), rate, amount))
        floor = Decimal(cap)
    return tuple(made)


def _spot(symbol: str, *, tick: str, max_price: str, step: str, max_quantity: str, market_max: str) -> Instrument:
    return Instrument(
        kind=MarketKind.SPOT,
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        tick_size=Decimal(tick),
        min_price=Decimal(tick),
        max_price=Decimal(max_price),
        step_size=Decimal(step),
        min_quantity=Decimal(step),
        max_quantity=Decimal(max_quantity),
        market_max_quantity=Decimal(market_max),
        min_notional=Decimal(5),
        max_notional=Decimal(9_000_000),
        price_up=Decimal(5),
        price_down=Decimal("0.2"),
    )


def _futures(
    symbol: str,
    *,
    tick: str,
    prices: tuple[str, str],
    step: str,
    max_quantity: str,
    market_max: str,
    min_notional: str,
    risk: tuple[Bracket, ...],
) -> Instrument:
    return Instrument(
        kind=MarketKind.FUTURES,
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        tick_size=Decimal(tick),
        min_price=Decimal(prices[0]),
        max_price=Decimal(prices[1]),
        step_size=Decimal(step),
        min_quantity=Decimal(step),
        max_quantity=Decimal(max_quantity),
        market_max_quantity=Decimal(market_max),
        min_notional=Decimal(min_notional),
        max_notional=Decimal(0),
        price_up=Decimal("1.05"),
        price_down=Decimal("0.95"),
        brackets=risk,
        max_stops=10,
    )


_BTC_RISK = brackets(
    ("50000", 125, "0.004"),
    ("600000", 100, "0.005"),
    ("3000000", 75, "0.0065"),
    ("12000000", 50, "0.01"),
    ("70000000", 25, "0.02"),
    ("100000000", 20, "0.025"),
    ("230000000", 10, "0.05"),
    ("480000000", 5, "0.1"),
    ("600000000", 4, "0.125"),
    ("800000000", 3, "0.15"),
    ("1200000000", 2, "0.25"),
    ("1800000000", 1, "0.5"),
)
_ETH_RISK = brackets(
    ("50000", 125, "0.004"),
    ("600000", 100, "0.005"),
    ("3000000", 75, "0.0065"),
    ("12000000", 50, "0.01"),
    ("50000000", 25, "0.02"),
    ("65000000", 20, "0.025"),
    ("150000000", 10, "0.05"),
    ("320000000", 5, "0.1"),
    ("400000000", 4, "0.125"),
    ("530000000", 3, "0.15"),
    ("800000000", 2, "0.25"),
    ("1200000000", 1, "0.5"),
)
_ALT_RISK = brackets(
    ("10000", 75, "0.005"),
    ("50000", 50, "0.01"),
    ("300000", 40, "0.015"),
    ("1000000", 25, "0.02"),
    ("5000000", 20, "0.025"),
    ("10000000", 10, "0.05"),
    ("20000000", 5, "0.1"),
    ("25000000", 4, "0.125"),
    ("50000000", 2, "0.25"),
    ("100000000", 1, "0.5"),
)

_SPOT = (
    _spot("BTCUSDT", tick="0.01", max_price="1000000", step="0.00001", max_quantity="9000", market_max="120"),
    _spot("ETHUSDT", tick="0.01", max_price="1000000", step="0.0001", max_quantity="9000", market_max="3000"),
    _spot("BNBUSDT", tick="0.01", max_price="100000", step="0.001", max_quantity="900000", market_max="20000"),
    _spot("SOLUSDT", tick="0.01", max_price="10000", step="0.001", max_quantity="900000", market_max="40000"),
)
_FUTURES = (
    _futures(
        "BTCUSDT",
        tick="0.1",
        prices=("556.8", "4529764"),
        step="0.001",
        max_quantity="1000",
        market_max="120",
        min_notional="100",
        risk=_BTC_RISK,
    ),
    _futures(
        "ETHUSDT",
        tick="0.01",
        prices=("39.86", "306177"),
        step="0.001",
        max_quantity="10000",
        market_max="2000",
        min_notional="20",
        risk=_ETH_RISK,
    ),
    _futures(
        "BNBUSDT",
        tick="0.01",
        prices=("6.6", "100000"),
        step="0.01",
        max_quantity="100000",
        market_max="2000",
        min_notional="5",
        risk=_ALT_RISK,
    ),
    _futures(
        "SOLUSDT",
        tick="0.01",
        prices=("0.42", "6857"),
        step="0.01",
        max_quantity="1000000",
        market_max="5000",
        min_notional="5",
        risk=_ALT_RISK,
    ),
)

Instruments = dict[MarketKind, dict[str, Instrument]]


def listed(symbols: tuple[str, ...] | None = None) -> Instruments:
    """Return the instruments of both markets, or only those of `symbols`."""
    return {
        MarketKind.SPOT: {one.symbol: one for one in _SPOT if symbols is None or one.symbol in symbols},
        MarketKind.FUTURES: {one.symbol: one for one in _FUTURES if symbols is None or one.symbol in symbols},
    }
