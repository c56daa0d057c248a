"""Ask bot_runner, which alone may decrypt, to check an exchange key. The answer comes into the key's row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.observability import logger

if TYPE_CHECKING:
    from tradebot.aws.invoker import Invoker


@dataclass(frozen=True, slots=True)
class RequestKeyCheck:
    """Ask, and go on where asking fails: maintenance asks again for every key that stays unchecked."""

    bot_runner: Invoker

    def __call__(self, *, api_key_id: int, user_id: int) -> None:
        """Queue the check."""
        try:
            self.bot_runner.invoke({"check_key": {"api_key_id": api_key_id, "user_id": user_id}})
        except Exception:  # noqa: BLE001  the key is stored whatever became of the question
            logger().warning("key check not requested", exc_info=True, extra={"api_key_id": api_key_id})
