"""The kill switch for everything: an operator's command to `maintenance`, never a user's route."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradebot.errors import InvalidInputError
from tradebot.observability import count, logger
from tradebot.repositories.kill_switches import switch_platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradebot.services.user_sessions import OpenSession

_MOST = {"by": 120, "reason": 200}


@dataclass(frozen=True, slots=True)
class SwitchPlatform:
    """Set the switch, with who and why, or take it back."""

    open_session: OpenSession

    def __call__(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out {"on": true, "by": who, "reason": why} or {"on": false}; return how the switch stands.

        Raises InvalidInputError, and changes nothing, where the command is not complete: a switch that nobody can
        explain is not set.
        """
        is_on = command.get("on")
        if not isinstance(is_on, bool):
            raise InvalidInputError('Say {"on": true, "by": who, "reason": why} or {"on": false}.')
        by, reason = (_text(command, name) if is_on else None for name in ("by", "reason"))
        with self.open_session(None) as session:
            switch = switch_platform(session, by=by, reason=reason)
        count("KillSwitchesSet" if is_on else "KillSwitchesCleared")
        logger().warning("kill switch", scope="everything", is_on=is_on, by=command.get("by"))
        at = switch.kill_switch_at
        return {
            "is_on": at is not None,
            "at": None if at is None else at.isoformat(),
            "by": switch.kill_switch_by,
            "reason": switch.kill_switch_reason,
        }


def _text(command: Mapping[str, Any], name: str) -> str:
    value = command.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > _MOST[name]:
        raise InvalidInputError(f'Setting the switch takes "{name}", a text of 1 to {_MOST[name]} characters.')
    return value.strip()
