"""What a backtest is given beside its candles, and the integer units that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tradebot.domain.money import ZERO
from tradebot.engine.candles import decimals_of, scaled
from tradebot.engine.parameters import DEFAULT_MAINTENANCE_PPM
from tradebot.errors import InvalidInputError

if TYPE_CHECKING:
    from tradebot.domain.symbol import SymbolRules
    from tradebot.engine.parameters import Parameters

#: Decimals of fees and funding, and of a commission in base.
FEE_DECIMALS: Final = 8
#: Sums stay exact up to here, since the books split costs at twelve decimals.
MAX_MONEY_DECIMALS: Final = 12
#: Funding where no history says otherwise: 0.01 % at 00, 08 and 16 UTC.
ASSUMED_INTERVAL_MS: Final = 8 * 3_600_000
ASSUMED_RATE: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Units:
    """Every amount of a backtest is a whole number of one of these three, so that no sum rounds."""

    #: A price is an integer of 10**-price_decimals quote.
    price_decimals: int
    #: A quantity is an integer of 10**-quantity_decimals base: 8, as commissions in base have.
    quantity_decimals: int
    #: Money is an integer of 10**-money_decimals quote: fine enough for lot x price and for fees.
    money_decimals: int
    #: tick_size in price units; step_size in quantity units.
    tick: int
    step: int

    @staticmethod
    def of(rules: SymbolRules, price_decimals: int) -> Units:
        """Return the units of a symbol whose candles carry `price_decimals`."""
        prices = max(price_decimals, decimals_of(rules.tick_size))
        lots = decimals_of(rules.step_size)
        money, quantities = max(FEE_DECIMALS, prices + lots), FEE_DECIMALS
        if money > MAX_MONEY_DECIMALS or lots > quantities:
            raise InvalidInputError(
                f"prices of {prices} and quantities of {lots} decimals are too fine together: at most "
                f"{MAX_MONEY_DECIMALS} decimals",
                field="price_decimals",
            )
        return Units(prices, quantities, money, scaled(rules.tick_size, prices), scaled(rules.step_size, quantities))

    def price(self, units: int) -> Decimal:
        """Return a price in quote."""
        return Decimal(units).scaleb(-self.price_decimals)

    def quantity(self, units: int) -> Decimal:
        """Return a quantity in base."""
        return Decimal(units).scaleb(-self.quantity_decimals)

    def money(self, units: int) -> Decimal:
        """Return an amount in quote."""
        return Decimal(units).scaleb(-self.money_decimals)

    def price_units(self, price: Decimal) -> int:
        """Return a price as an integer."""
        return scaled(price, self.price_decimals)

    def quantity_units(self, quantity: Decimal) -> int:
        """Return a quantity as an integer."""
        return scaled(quantity, self.quantity_decimals)

    def money_units(self, amount: Decimal) -> int:
        """Return an amount in quote as an integer."""
        return scaled(amount, self.money_decimals)


@dataclass(frozen=True, slots=True)
class FundingRate:
    """One settlement of a perpetual: a positive rate makes longs pay. `mark` is None where history has none."""

    at_ms: int
    rate: Decimal
    mark: Decimal | None = None


@dataclass(frozen=True, slots=True)
class MarginBracket:
    """The bracket of the exchange's leverage table that the bot trades in."""

    maintenance_ppm: int = DEFAULT_MAINTENANCE_PPM
    maintenance_amount: Decimal = ZERO
    #: Greatest notional that the bracket allows at the bot's leverage; None where it is not known.
    notional_cap: Decimal | None = None


@dataclass(frozen=True, slots=True)
class BacktestSetup:
    """All that decides beside the candles. Fees and slippage are `parameters.fees`."""

    parameters: Parameters
    rules: SymbolRules
    initial_capital: Decimal
    #: Decimals of the candles' prices; finer candles are refused, coarser ones scaled.
    price_decimals: int
    bracket: MarginBracket = MarginBracket()
    #: Settlements in order of time. Before the first and after the last, 0.01 % at 00, 08, 16 UTC is assumed.
    funding: tuple[FundingRate, ...] = ()
    #: Candles that only warm the indicators up; None: as many as `parameters.warm_up_candles`.
    warm_up: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        if not self.initial_capital.is_finite() or self.initial_capital <= 0:
            raise InvalidInputError("a backtest needs an initial capital above zero", field="initial_capital")
        if self.warm_up is not None and self.warm_up < 0:
            raise InvalidInputError("a warm-up cannot be shorter than nothing", field="warm_up")
        if any(later.at_ms <= one.at_ms for one, later in zip(self.funding, self.funding[1:], strict=False)):
            raise InvalidInputError("funding rates have to be in order of time, each once", field="funding")

    @property
    def warm_up_candles(self) -> int:
        """How many candles trade nothing."""
        return self.parameters.warm_up_candles if self.warm_up is None else self.warm_up

    @property
    def units(self) -> Units:
        """The integers that this backtest counts in."""
        return Units.of(self.rules, self.price_decimals)
