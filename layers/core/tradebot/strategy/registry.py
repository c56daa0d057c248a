"""The strategies by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tradebot.errors import InvalidInputError
from tradebot.strategy.custom import CustomStrategy
from tradebot.strategy.ema import EmaStrategy
from tradebot.strategy.simple import SimpleStrategy

if TYPE_CHECKING:
    from tradebot.strategy.interface import Strategy

_STRATEGIES: Final[dict[str, Strategy]] = {
    strategy.name: strategy for strategy in (SimpleStrategy(), EmaStrategy(), CustomStrategy())
}
#: In the order in which they are shown.
STRATEGY_NAMES: Final = tuple(_STRATEGIES)
DEFAULT_STRATEGY: Final = "simple"


def get_strategy(name: str) -> Strategy:
    """Return the strategy of that name, or refuse with the list of known ones."""
    try:
        return _STRATEGIES[name]
    except KeyError:
        known = ", ".join(STRATEGY_NAMES)
        raise InvalidInputError(
            f"there is no strategy {name!r}; known are: {known}", field="strategy", rule=f"one of: {known}"
        ) from None
