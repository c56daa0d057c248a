"""Ask the exchange what a key may do, and store the answer. A key that may withdraw is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tradebot.errors import TradeBotError
from tradebot.observability import count, logger
from tradebot.repositories.sealed_keys import record_key_check

if TYPE_CHECKING:
    from tradebot.exchange.protocol import KeyChecker, KeyReport
    from tradebot.services.user_sessions import OpenSession


class KeyCheckers(Protocol):
    """Opens a key for its check."""

    def key_checker(self, user_id: int, api_key_id: int) -> KeyChecker:
        """Return the client that can say what a key may do. Raises NotFoundError."""
        ...

    def settle(self) -> None:
        """Give back the request weight that was reserved and not used."""
        ...


@dataclass(frozen=True, slots=True)
class CheckApiKey:
    """One signed read of the key's own restrictions."""

    open_session: OpenSession
    exchanges: KeyCheckers

    def __call__(self, *, api_key_id: int, user_id: int) -> bool:
        """Return whether the key may be used. An error that passes is raised and leaves the key as it was."""
        error: str | None
        try:
            checker = self.exchanges.key_checker(user_id, api_key_id)
            checker.synchronise_clock()
            error = _objection(checker.key_report())
        except TradeBotError as refusal:
            if refusal.retryable:
                raise
            error = refusal.message
        finally:
            self.exchanges.settle()
        with self.open_session(user_id) as session:
            record_key_check(session, user_id, api_key_id, is_valid=error is None, error=error)
        count("KeysAccepted" if error is None else "KeysRefused")
        logger().info("key checked", api_key_id=api_key_id, is_valid=error is None)
        return error is None


def _objection(report: KeyReport) -> str | None:
    if report.can_withdraw:
        return "The key may withdraw. Switch withdrawals off for it at the exchange: TradeBot accepts no such key."
    if not report.can_read:
        return "The key may not read the account. Switch reading on for it at the exchange."
    if not report.can_trade:
        return "The key may not trade. Switch spot or futures trading on for it at the exchange."
    return None
