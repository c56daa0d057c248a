"""The steps of a tick by name: where a proof can end the process, and see what the next tick makes of it.

`<what>.<when>`: a transaction is named right before its commit (`commit`) and right after it (`committed`), a request
that changes something right before it leaves (`send`) and right after its answer (`sent`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

Step: TypeAlias = Callable[[str], None]

_COMMITS: Final = ("claim", "intent.entry", "intent.exit", "intent.stop", "intent.take_profit", "finish")
_SENDS: Final = ("entry", "exit", "stop", "take_profit", "cancel")
#: Every step that a tick can pass. `intent.stop` and `stop` are an order list where stop and take profit are one.
STEPS: Final = (
    *(f"{name}.{when}" for name in _COMMITS for when in ("commit", "committed")),
    *(f"{name}.{when}" for name in _SENDS for when in ("send", "sent")),
)


def no_step(name: str) -> None:
    """Do nothing."""
    del name
