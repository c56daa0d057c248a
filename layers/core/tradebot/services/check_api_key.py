"""Ask the exchange what a key may do, and store the answer. A key that may withdraw is refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from tradebot.domain.message import MessageKind, key_refusal
from tradebot.errors import TradeBotError
from tradebot.observability import count, logger
from tradebot.repositories.outbox import Message, add_events
from tradebot.repositories.sealed_keys import lock_key_check, record_key_check

if TYPE_CHECKING:
    from tradebot.exchange.protocol import KeyChecker, KeyReport
    from tradebot.services.user_sessions import OpenSession


EXPIRY_NOTICE = timedelta(days=14)


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
        error, warning = None, None
        try:
            checker = self.exchanges.key_checker(user_id, api_key_id)
            checker.synchronise_clock()
            report = checker.key_report()
            now = datetime.fromtimestamp(checker.wire_now_ms() / 1000, UTC)
            error, warning = objection_to(report, now), warning_of(report, now)
        except TradeBotError as refusal:
            if refusal.retryable:
                raise
            error = refusal.message
        finally:
            self.exchanges.settle()
        with self.open_session(user_id) as session:
            before = lock_key_check(session, user_id, api_key_id)
            record_key_check(
                session, user_id, api_key_id, is_valid=error is None, error=error, warning=None if error else warning
            )
            # Told once: the daily check finds a refused key refused again, every day.
            if error is not None and before is not None and (before.is_valid or before.check_error != error):
                payload = {"api_key_id": api_key_id, "reason": error}
                key = key_refusal(api_key_id, before.updated_at)
                add_events(session, user_id, [Message(MessageKind.KEY_REFUSED, key, payload)])
        count("KeysAccepted" if error is None else "KeysRefused")
        logger().info("key checked", api_key_id=api_key_id, is_valid=error is None)
        return error is None


def objection_to(report: KeyReport, now: datetime) -> str | None:
    """Return why a key is refused, None for one that is not; `now` is the exchange's time."""
    if report.can_withdraw:
        return "The key may withdraw. Switch withdrawals off for it at the exchange: TradeBot accepts no such key."
    if not report.can_read:
        return "The key may not read the account. Switch reading on for it at the exchange."
    if report.expires_at is not None and report.expires_at <= now:
        return (
            f"The key's right to trade ended on {report.expires_at:%Y-%m-%d}. Renew it at the exchange; a key with a "
            "list of IP addresses does not expire."
        )
    if not report.can_trade:
        return "The key may not trade. Switch spot or futures trading on for it at the exchange."
    return None


def warning_of(report: KeyReport, now: datetime) -> str | None:
    """Return what its owner should change on a key that is accepted; None where there is nothing."""
    warnings = []
    if report.is_ip_restricted is False:
        warnings.append(
            "The key works from any IP address: whoever steals it can trade with it. Restrict it at the exchange to "
            "the addresses that TradeBot calls from."
        )
    if report.can_transfer_to_subaccounts:
        warnings.append("The key may move funds to and from sub-accounts, which TradeBot never does. Switch that off.")
    if report.expires_at is not None and report.expires_at - now < EXPIRY_NOTICE:
        warnings.append(f"The key's right to trade ends on {report.expires_at:%Y-%m-%d}. Renew it at the exchange.")
    if not (report.can_trade_spot and report.can_trade_futures):
        market = "spot" if report.can_trade_spot else "futures"
        warnings.append(f"The key may trade {market} only: bots of the other market cannot use it.")
    return " ".join(warnings) or None
