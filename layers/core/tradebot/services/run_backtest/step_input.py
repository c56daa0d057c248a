"""A step's input, read member by member; whatever is missing or of another type is refused by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping


class StepInput:
    """One object of JSON."""

    def __init__(self, step: str, event: object) -> None:
        if not isinstance(event, dict):
            raise InvalidInputError(
                f"{step}: an object is expected, not {type(event).__name__}", field="input", rule="type"
            )
        self._step = step
        self._event: Mapping[str, object] = event

    def member(self, name: str) -> object:
        if name not in self._event:
            raise InvalidInputError(f"{self._step}: {name} is missing", field=name, rule="required")
        return self._event[name]

    def at(self, name: str) -> StepInput:
        """Return the object of that name."""
        return StepInput(f"{self._step}: {name}", self.member(name))

    def identifier(self, name: str) -> int:
        value = self.count(name)
        if value == 0:
            raise self._wrong(name, "a positive whole number")
        return value

    def count(self, name: str) -> int:
        value = self.member(name)
        # True is an int to Python, not to JSON.
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._wrong(name, "a whole number")
        return value

    def number(self, name: str) -> float:
        value = self.member(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0:
            raise self._wrong(name, "a number of zero or more")
        return float(value)

    def flag(self, name: str) -> bool:
        value = self.member(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def text(self, name: str) -> str:
        value = self.member(name)
        if not isinstance(value, str) or not value:
            raise self._wrong(name, "a text that is not empty")
        return value

    def _wrong(self, name: str, expected: str) -> InvalidInputError:
        return InvalidInputError(f"{self._step}: {name} must be {expected}", field=name, rule="type")
