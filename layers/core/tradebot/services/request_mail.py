"""Ask maintenance to send now what lies in the outbox, rather than at its next run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.observability import logger

if TYPE_CHECKING:
    from tradebot.aws.invoker import Invoker


@dataclass(frozen=True, slots=True)
class RequestMail:
    """Ask, and go on where asking fails: the next run, within a quarter of an hour, sends it as well."""

    maintenance: Invoker

    def __call__(self) -> None:
        """Queue the request."""
        try:
            self.maintenance.invoke({"send_mail": True})
        except Exception:  # noqa: BLE001  the message lies in the outbox whatever became of the request
            logger().warning("mail not requested", exc_info=True)
