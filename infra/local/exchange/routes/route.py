"""What a route is and what it is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from infra.local.exchange.errors import invalid_symbol
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.parameters import Parameters  # noqa: TC001 - part of the dataclass
from infra.local.exchange.statuses import DELISTED, status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.local.exchange.exchange import Exchange
    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.records import Account

Api = Literal["spot", "futures", "sapi"]
Security = Literal["public", "signed", "trade"]
KIND_OF = {"spot": MarketKind.SPOT, "futures": MarketKind.FUTURES, "sapi": MarketKind.SPOT}


@dataclass(slots=True)
class Call:
    """One request to a route, with what was found out about it."""

    exchange: Exchange
    api: Api
    parameters: Parameters
    account: Account | None = None
    headers: dict[str, str] = field(default_factory=dict)
    #: By how much the exchange's clock is ahead for this request.
    skew_ms: int = 0

    def wire_ms(self) -> int:
        """Return the exchange's wire time as this request meets it."""
        return self.exchange.clock.now_ms() + self.skew_ms

    @property
    def signer(self) -> Account:
        """Return the account that signed."""
        assert self.account is not None
        return self.account

    @property
    def kind(self) -> MarketKind:
        """Return the market that is called."""
        return KIND_OF[self.api]

    def instrument(self, name: str = "symbol") -> Instrument:
        """Return the instrument that a mandatory parameter names."""
        return self.named(self.parameters.text(name))

    def optional_instrument(self) -> Instrument | None:
        """Return the instrument that `symbol` names, or None where it was not sent."""
        symbol = self.parameters.optional("symbol")
        return None if symbol is None else self.named(symbol)

    def named(self, symbol: str) -> Instrument:
        """Return the instrument of `symbol`."""
        instrument = self.exchange.market.instruments[self.kind].get(symbol)
        if instrument is None or self.status_of(instrument) == DELISTED:
            raise invalid_symbol()
        return instrument

    def status_of(self, instrument: Instrument) -> str:
        """Return whether and how a symbol trades."""
        return status_of(self.exchange.state, instrument.kind, instrument.symbol)

    def instruments(self) -> list[Instrument]:
        """Return all instruments of the market that is called."""
        listed = self.exchange.market.instruments[self.kind].values()
        return [one for one in listed if self.status_of(one) != DELISTED]


Weight = int | dict[str, int]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. `weight` is Binance's; `weigh` computes it where it depends on the parameters."""

    method: str
    path: str
    answer: Callable[[Call], Any]
    weight: int = 1
    weigh: Callable[[Parameters], int] | None = None
    security: Security = "public"
    passes_through: bool = False  # answered by the live market where there is one

    def weight_of(self, parameters: Parameters) -> int:
        """Return what the request costs."""
        return self.weigh(parameters) if self.weigh else self.weight


def heavier_without(name: str, with_it: int, without: int) -> Callable[[Parameters], int]:
    """Weigh a route that costs more where a parameter is missing."""
    return lambda parameters: with_it if name in parameters else without
