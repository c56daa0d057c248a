"""Margin from spot to futures, where its user asked for it: recorded, sent once, and looked for where in doubt.

The exchange has no idempotency key for a transfer. So one whose end is not known is never sent again: it is looked for
in the exchange's history, and where it is not found there the user is told.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tradebot.domain.money import canonical
from tradebot.engine.sizing import missing_margin
from tradebot.errors import (
    ConflictError,
    ExchangeAuthenticationError,
    ExchangeClockError,
    ExchangeError,
    ExchangeThrottledError,
    OrderRejectedError,
)
from tradebot.models import TransferStatus
from tradebot.observability import count, logger
from tradebot.repositories.transfers import (
    TransferIntent,
    find_known_transactions,
    find_transfers_in_doubt,
    insert_transfer,
    settle_transfer,
)
from tradebot.services.run_bot.place_order import MIN_REMAINING_MS

if TYPE_CHECKING:
    from collections.abc import Collection
    from decimal import Decimal

    from tradebot.engine.decision import EntryDecision
    from tradebot.exchange.protocol import Transfer, Wallet
    from tradebot.repositories.pages import Record
    from tradebot.services.run_bot.context import Tick

#: The exchange dates a transfer when it makes it: not before the signature (clocks differ by a little), and not later
#: than recvWindow and its own timeouts allow.
EARLIEST = timedelta(seconds=-5)
LATEST = timedelta(seconds=60)
#: A transfer that the history has not shown for this long is not looked for again.
LOOKED_FOR = timedelta(hours=1)
#: What the exchange says of one that has moved, and of one that will not.
MOVED, FAILED = "CONFIRMED", "FAILED"
_REFUSALS = (
    OrderRejectedError,
    ExchangeAuthenticationError,
    ExchangeThrottledError,
    ExchangeClockError,
    ConflictError,
)


def top_up(tick: Tick, decision: EntryDecision, free_quote: Decimal) -> bool:
    """Move margin to futures where the entry is short of it and the user asked for that; tell whether it moved."""
    config, memory = tick.claim.config, tick.memory
    assert memory is not None
    if not (config.auto_transfer_funds and tick.parameters.is_futures):
        return False
    missing = missing_margin(memory, tick.parameters, free_quote)
    if missing <= 0 or tick.remaining_ms() < MIN_REMAINING_MS:
        return False
    amount = config.transfer_amount or missing
    wallet = tick.exchanges.wallet(tick.claim)
    try:
        wallet.synchronise_clock()
    except ExchangeError as error:
        tick.messages.append(f"No margin was moved to futures: {error.message}")
        return False
    # Before the commit that proves the lease, as with orders.
    intent = TransferIntent(
        account=str(config.api_key_id),
        decision_key=decision.decision_key,
        asset=tick.rules.quote_asset,
        amount=amount,
        signed_at_ms=wallet.wire_now_ms(),
    )
    with tick.open_session(tick.claim.user_id) as session:
        transfer_id = insert_transfer(session, tick.claim, intent)
    if transfer_id is None:
        return False
    status, transaction_id, error_message = _send(wallet, intent)
    _settle(tick, transfer_id, status, transaction_id, error_message)
    if status is not TransferStatus.DONE:
        tick.messages.append(_told(status, intent.amount, intent.asset, error_message))
    return status is TransferStatus.DONE


def _send(wallet: Wallet, intent: TransferIntent) -> tuple[TransferStatus, str | None, str | None]:
    try:
        return TransferStatus.DONE, wallet.transfer_to_futures(intent.asset, intent.amount, intent.signed_at_ms), None
    except _REFUSALS as error:
        return TransferStatus.REFUSED, None, error.message
    except ExchangeError as error:
        return TransferStatus.UNKNOWN, None, error.message


def recover_transfers(tick: Tick) -> None:
    """Look in the exchange's history for transfers that nobody knows the end of. None is ever sent again."""
    if not tick.claim.doubtful_transfers:
        return
    with tick.open_session(tick.claim.user_id) as session:
        transfers = find_transfers_in_doubt(session, tick.claim)
        known = find_known_transactions(session, tick.claim)
    for transfer in transfers:
        status, transaction_id, error_message = _look_for(tick, transfer, known)
        if transaction_id is not None:
            known.add(transaction_id)
        _settle(tick, transfer.id, status, transaction_id, error_message)
        if status is TransferStatus.UNKNOWN:
            tick.messages.append(_told(status, transfer.amount, transfer.asset, error_message))


def _look_for(tick: Tick, transfer: Record, known: Collection[str]) -> tuple[TransferStatus, str | None, str | None]:
    signed_at = datetime.fromtimestamp(transfer.signed_at_ms / 1000, UTC)
    try:
        wallet = tick.exchanges.wallet(tick.claim)
        wallet.synchronise_clock()
        if wallet.wire_now_ms() - transfer.signed_at_ms > LOOKED_FOR / timedelta(milliseconds=1):
            return TransferStatus.UNKNOWN, None, "the exchange's history does not show it"
        history = wallet.transfers_to_futures(transfer.asset, signed_at + EARLIEST)
    except (ExchangeError, ConflictError) as error:
        return TransferStatus.UNKNOWN, None, error.message
    found = next((one for one in history if one.transaction_id not in known and _is_it(one, transfer, signed_at)), None)
    if found is None:
        return TransferStatus.UNKNOWN, None, "the exchange's history does not show it"
    if found.status == MOVED:
        return TransferStatus.DONE, found.transaction_id, None
    if found.status == FAILED:
        return TransferStatus.REFUSED, None, "the exchange could not carry it out"
    return TransferStatus.UNKNOWN, None, f"the exchange calls it {found.status}"


def _is_it(one: Transfer, transfer: Record, signed_at: datetime) -> bool:
    return one.amount == transfer.amount and EARLIEST <= one.made_at - signed_at <= LATEST


def _settle(
    tick: Tick, transfer_id: int, status: TransferStatus, transaction_id: str | None, error_message: str | None
) -> None:
    with tick.open_session(tick.claim.user_id) as session:
        settle_transfer(
            session, tick.claim, transfer_id, status, transaction_id=transaction_id, last_error=error_message
        )
    tick.actions.append(f"transfer_{status.lower()}")
    count(f"Transfers{status.title()}")
    if status is TransferStatus.UNKNOWN:
        logger().warning("transfer in doubt", transfer_id=transfer_id, error=error_message)


def _told(status: TransferStatus, amount: Decimal, asset: str, error_message: str | None) -> str:
    what = f"{canonical(amount)} {asset} from spot to futures"
    if status is TransferStatus.REFUSED:
        return f"The transfer of {what} was refused: {error_message}."
    return (
        f"It is not known whether the transfer of {what} was made: {error_message}. It is not sent again, and no other"
        " one is until it is found or the bot is started anew. Look at the exchange's transfer history."
    )
