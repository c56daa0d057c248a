"""The strategies by name: every file of this package that defines one is known, and nothing lists them twice."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Final

import tradebot.strategy
from tradebot.errors import InvalidInputError
from tradebot.strategy.interface import Strategy

DEFAULT_STRATEGY: Final = "simple"


def _strategies() -> dict[str, Strategy]:
    found: dict[str, Strategy] = {}
    for info in pkgutil.iter_modules(tradebot.strategy.__path__):
        if info.name == __name__.rpartition(".")[2]:
            continue
        module = importlib.import_module(f"{tradebot.strategy.__name__}.{info.name}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and issubclass(kind, Strategy) and not inspect.isabstract(kind):
                assert kind.name not in found, f"two strategies are called {kind.name}"
                found[kind.name] = kind()
    return dict(sorted(found.items(), key=lambda item: (item[0] != DEFAULT_STRATEGY, item[0])))


_STRATEGIES: Final = _strategies()
#: The default first, the others by name.
STRATEGY_NAMES: Final = tuple(_STRATEGIES)


def get_strategy(name: str) -> Strategy:
    """Return the strategy of that name, or refuse with the list of known ones."""
    try:
        return _STRATEGIES[name]
    except KeyError:
        known = ", ".join(STRATEGY_NAMES)
        raise InvalidInputError(
            f"there is no strategy {name!r}; known are: {known}", field="strategy", rule=f"one of: {known}"
        ) from None
