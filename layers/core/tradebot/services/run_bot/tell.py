"""What a user is told unasked: a pause, a key that is refused, an order or a position that is stuck."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.domain.market import BotStatus
from tradebot.domain.message import MessageKind, key_refusal
from tradebot.errors import ExchangeAuthenticationError, ExchangeClockError, MarketClosedError
from tradebot.observability import count, logger
from tradebot.repositories.outbox import Message
from tradebot.services.run_bot.protect import is_protected

if TYPE_CHECKING:
    from tradebot.services.run_bot.context import Tick
    from tradebot.services.run_bot.ending import Ending

#: How long nobody may know the end of an order before its owner is told.
STUCK_AFTER_MS = 300_000
_PAUSES = {BotStatus.PAUSED_DAILY_LOSS, BotStatus.PAUSED_DAILY_TARGET, BotStatus.PAUSED_MAX_TRADES}


def tell(tick: Tick, ending: Ending, error: Exception | None) -> None:
    """Put messages beside what the tick records, and count what alarms are set on."""
    bot = tick.claim.bot_config_id
    if ending.status in _PAUSES and tick.claim.status is not ending.status:
        _tell(tick, MessageKind.PAUSED_BY_LIMIT, f"paused:{bot}:{tick.tick_at:%Y-%m-%d}:{ending.status.value}")
    if isinstance(error, ExchangeAuthenticationError):
        count("KeysRefused")
        _tell_of_key(tick, error)
    if isinstance(error, MarketClosedError) and ending.status is not BotStatus.ERROR:
        key = f"closed:{bot}:{tick.tick_at:%Y-%m-%d}"
        _tell(tick, MessageKind.ORDER_STUCK, key, leg="stop", reason=error.message)
    if isinstance(error, ExchangeClockError):
        count("ClocksRefused")
    if tick.in_doubt:
        count("OrdersInDoubt", len(tick.in_doubt))
        names = [f"{order.leg.value} {order.client_order_id}" for order in tick.in_doubt]
        logger().warning("nobody knows the end of an order", orders=names)
    for order in tick.in_doubt:
        if tick.account.wire_now_ms() - order.signed_at_ms > STUCK_AFTER_MS:
            _tell(tick, MessageKind.ORDER_STUCK, f"stuck:{order.id}", leg=order.leg.value, order=order.client_order_id)
    if tick.claim.config.api_key_id is not None and not is_protected(tick):
        count("UnprotectedPositions")
        logger().error("a position has no stop", actions=tick.actions)
        _tell(tick, MessageKind.ORDER_STUCK, f"unprotected:{bot}:{tick.tick_at:%Y-%m-%dT%H}", leg="stop")


def _tell_of_key(tick: Tick, error: ExchangeAuthenticationError) -> None:
    """Tell of a key that counted as good: where it did not, its check has told. All bots of one key tell it once."""
    api_key_id, known_since = tick.claim.config.api_key_id, tick.claim.key_updated_at
    if tick.claim.key_is_valid and api_key_id is not None and known_since is not None:
        _tell(tick, MessageKind.KEY_REFUSED, key_refusal(api_key_id, known_since), reason=error.message)


def _tell(tick: Tick, kind: MessageKind, event_key: str, **payload: Any) -> None:
    tick.outbox.append(
        Message(
            kind,
            event_key,
            {
                "bot_config_id": tick.claim.bot_config_id,
                "bot": tick.claim.config.name,
                "symbol": tick.claim.config.symbol,
                "at": tick.tick_at.isoformat(),
                **payload,
            },
        )
    )
