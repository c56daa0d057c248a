"""The strategies by name: every file of this package that defines one is known, and nothing lists them twice."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Final

from tradebot.errors import InvalidInputError
from tradebot.strategy.interface import Strategy

DEFAULT_STRATEGY: Final = "simple"


def _strategies() -> dict[str, Strategy]:
    found: dict[str, Strategy] = {}
    this, package = Path(__file__), __name__.rpartition(".")[0]
    # `pkgutil` and `inspect.getmembers` find the same, in several times the time: every cold start waits for it.
    for file in this.parent.iterdir():
        if file.suffix != ".py" or file.stem in {"__init__", this.stem}:
            continue
        module = importlib.import_module(f"{package}.{file.stem}")
        for kind in vars(module).values():
            if not isinstance(kind, type) or kind.__module__ != module.__name__:
                continue
            if issubclass(kind, Strategy) and not inspect.isabstract(kind):
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
