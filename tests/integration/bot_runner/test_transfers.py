"""Margin from spot to futures: off unless asked for, sent once, and never again where its end is not known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from tradebot.exchange.ccxt_client import make_wallet
from tradebot.exchange.transport import Venue
from tradebot.models import Transfer
from tradebot.observability import metrics
from tradebot.repositories.session import session_scope
from tradebot.services.exchange_lines import ExchangeLines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Row

    from tests.integration.bot_runner.conftest import World
    from tradebot.exchange.protocol import Transfer as Made

#: Ten minutes up, ten down, and so on: entries at several candles.
WAVES = ([10] * 6 + [-10] * 6) * 3
#: More than the account has on futures, less than it has in all.
SIZE = Decimal(15_000)
SHORT: dict[str, Any] = {
    "position_type": "futures",
    "initial_capital": Decimal(50_000),
    "position_size_fixed": SIZE,
    "auto_transfer_funds": True,
}
PATH = "/sapi/v1/asset/transfer"
#: Faults of the exchange, and deaths of the process before and after the request.
FAULTS: dict[str, dict[str, Any]] = {
    "request lost": {"kind": "lose_request"},
    "answer lost": {"kind": "lose_answer"},
    "half an answer": {"kind": "half_answer"},
    "refused": {"kind": "error", "code": -5013},
}


class KilledError(BaseException):
    """The process is gone."""


class MortalWallet:
    """The real wallet of a process that dies around a transfer."""

    def __init__(self, wallet: Any, fault: str) -> None:
        self._wallet, self._fault = wallet, fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wallet, name)

    def transfer_to_futures(self, asset: str, amount: Decimal, signed_at_ms: int) -> str:
        if self._fault == "killed before":
            raise KilledError
        transaction_id: str = self._wallet.transfer_to_futures(asset, amount, signed_at_ms)
        if self._fault == "killed after":
            raise KilledError
        return transaction_id

    def transfers_to_futures(self, asset: str, since: datetime) -> tuple[Made, ...]:
        found: tuple[Made, ...] = self._wallet.transfers_to_futures(asset, since)
        # The simulated exchange moves money at once; Binance knows these two as well.
        return tuple(one._replace(status=self._fault) for one in found) if self._fault.isupper() else found


class MortalLines(ExchangeLines):
    """Hands out the wallet above."""

    fault: str

    def wallet(self, claim: Any) -> Any:
        return MortalWallet(super().wallet(claim), self.fault)


def begin(make_world: Callable[..., World], fault: str = "", **values: Any) -> tuple[World, int]:
    world = make_world(WAVES)
    world.add_key("mover", permissions={"permitsUniversalTransfer": True})
    bot = world.add_bot(**{**SHORT, **values})
    world.sql("UPDATE bot_states SET started_at = now() - interval '1 minute'")
    world.tick(bot, 0)
    if fault in FAULTS:
        world.exchange.add_fault(method="POST", path=PATH, **FAULTS[fault])
    elif fault:
        die(world, fault)
    return world, bot


def die(world: World, fault: str) -> None:
    """Go on in a process whose wallets are mortal."""
    lines = world.new_lines(MortalLines)
    assert isinstance(lines, MortalLines)
    lines.fault = fault
    world.use(lines)


def heal(world: World, bot: int) -> None:
    world.exchange.clear_faults()
    world.go_cold()
    world.expire_lease(bot)


def run_until_sent(world: World, bot: int) -> None:
    for minute in range(1, 5):
        try:
            world.tick(bot, minute)
        except KilledError:
            break
        finally:
            metrics().clear_metrics()
        if transfers(world):
            break
    assert transfers(world)


def wallet_of(world: World) -> Any:
    wallet = make_wallet(Venue(world.exchange.url), "live", api_key=world.api_key, secret_key=world.secret_key)
    wallet.synchronise_clock()
    return wallet


def made(world: World) -> list[Made]:
    """Return what the exchange moved, by its own history."""
    return list(wallet_of(world).transfers_to_futures("USDT", datetime.now(UTC) - timedelta(hours=1)))


def transfers(world: World) -> Sequence[Row[Any]]:
    with session_scope(world.look, None) as session:
        return session.execute(select(*Transfer.__table__.columns).order_by(Transfer.id)).all()


def statuses(world: World) -> list[str]:
    return [row.status.value for row in transfers(world)]


@pytest.mark.rule(35)
def test_off_unless_asked_for(make_world: Callable[..., World]) -> None:
    world, bot = begin(make_world, auto_transfer_funds=False)
    assert "entry:FILLED" in world.ticks(bot, range(1, 5))
    assert (made(world), transfers(world)) == ([], [])


def test_enough_margin_moves_nothing(make_world: Callable[..., World]) -> None:
    world, bot = begin(make_world, position_size_fixed=Decimal(1000))
    assert "entry:FILLED" in world.ticks(bot, range(1, 5))
    assert made(world) == []


@pytest.mark.rule(35)
@pytest.mark.parametrize("amount", [None, Decimal(300)])
def test_what_is_missing_or_what_was_configured_is_moved_once(
    make_world: Callable[..., World], amount: Decimal | None
) -> None:
    world, bot = begin(make_world, transfer_amount=amount)
    acts = world.ticks(bot, range(1, 5))
    assert acts.index("transfer_done") < acts.index("entry:FILLED")
    # The size and the fee of five times as much, of which 99 % may be used; 10,000 are there.
    missing = (SIZE * (1 + 5 * Decimal("0.0005")) / Decimal("0.99") - 10_000).quantize(Decimal("1E-8"), ROUND_CEILING)
    (one,) = made(world)
    assert one.amount == (amount or missing)
    (row,) = transfers(world)
    assert (row.status, row.transaction_id, row.asset, row.amount) == ("DONE", one.transaction_id, "USDT", one.amount)


@pytest.mark.parametrize("fault", ["answer lost", "half an answer", "killed after"])
def test_one_that_was_made_is_found_in_the_history(make_world: Callable[..., World], fault: str) -> None:
    world, bot = begin(make_world, fault)
    run_until_sent(world, bot)
    assert statuses(world) in (["UNKNOWN"], ["SENDING"])
    heal(world, bot)
    world.ticks(bot, [5])
    assert statuses(world) == ["DONE"]
    (one,) = made(world)
    assert transfers(world)[0].transaction_id == one.transaction_id
    assert "transfer" not in (world.state(bot).last_error_message or "")


@pytest.mark.rule(35)
@pytest.mark.parametrize("fault", ["request lost", "killed before"])
def test_one_that_is_not_found_is_never_sent_again_and_its_user_is_told(
    make_world: Callable[..., World], fault: str
) -> None:
    world, bot = begin(make_world, fault)
    run_until_sent(world, bot)
    heal(world, bot)
    acts = world.ticks(bot, range(5, 20))
    assert "entry:FILLED" in acts, "an entry came, and no other transfer with it"
    assert (statuses(world), made(world)) == (["UNKNOWN"], [])
    assert "It is not sent again" in world.state(bot).last_error_message


def test_a_start_by_the_user_allows_the_next_one(make_world: Callable[..., World]) -> None:
    world, bot = begin(make_world, "request lost")
    run_until_sent(world, bot)
    heal(world, bot)
    world.sql("UPDATE bot_states SET started_at = now()")
    world.ticks(bot, range(5, 20))
    assert statuses(world)[:2] == ["UNKNOWN", "DONE"]


def test_a_refusal_is_final_and_the_entry_goes_on_with_what_is_there(make_world: Callable[..., World]) -> None:
    world, bot = begin(make_world, "refused")
    assert "entry:FILLED" in world.ticks(bot, range(1, 5))
    assert (statuses(world), made(world)) == (["REFUSED"], [])


@pytest.mark.parametrize(("fault", "status"), [("PENDING", "UNKNOWN"), ("FAILED", "REFUSED")])
def test_what_the_history_says_of_it_counts(make_world: Callable[..., World], fault: str, status: str) -> None:
    world, bot = begin(make_world, "answer lost")
    run_until_sent(world, bot)
    heal(world, bot)
    die(world, fault)
    world.ticks(bot, [5])
    assert statuses(world) == [status]


def test_a_history_that_cannot_be_read_says_nothing(make_world: Callable[..., World]) -> None:
    world, bot = begin(make_world, "answer lost")
    run_until_sent(world, bot)
    world.exchange.add_fault("lose_request", method="GET", path=PATH)
    world.ticks(bot, [5])
    assert statuses(world) == ["UNKNOWN"]
    heal(world, bot)
    world.ticks(bot, [6])
    assert statuses(world) == ["DONE"]


def test_anothers_transfer_is_not_taken_for_ours(make_world: Callable[..., World]) -> None:
    world, bot = begin(make_world, "request lost", transfer_amount=Decimal(300))
    run_until_sent(world, bot)
    heal(world, bot)
    wallet = wallet_of(world)
    accounted_for = wallet.transfer_to_futures("USDT", Decimal(300), wallet.wire_now_ms())
    wallet.transfer_to_futures("USDT", Decimal(301), wallet.wire_now_ms())  # another amount
    (row,) = transfers(world)
    world.sql(
        "INSERT INTO transfers (user_id, bot_config_id, account, decision_key, asset, amount, status, signed_at_ms,"
        " transaction_id) VALUES (:user, :bot, :account, 'k', 'USDT', 300, 'DONE', 1, :transaction)",
        user=world.user_id,
        bot=bot,
        account=row.account,
        transaction=accounted_for,
    )
    world.ticks(bot, [5])
    assert statuses(world) == ["UNKNOWN", "DONE"]


def test_the_same_amount_at_another_time_is_not_taken_for_ours(make_world: Callable[..., World]) -> None:
    world, bot = begin(make_world, "request lost", transfer_amount=Decimal(300))
    run_until_sent(world, bot)
    heal(world, bot)
    wallet = wallet_of(world)
    wallet.transfer_to_futures("USDT", Decimal(300), wallet.wire_now_ms())
    world.sql("UPDATE transfers SET signed_at_ms = signed_at_ms - 70000")
    world.ticks(bot, [5])
    assert statuses(world) == ["UNKNOWN"]


@pytest.mark.parametrize("table", ["bot_states", "users", "platform_switches"])
def test_no_money_moves_while_a_switch_is_on(make_world: Callable[..., World], table: str) -> None:
    world, bot = begin(make_world)
    world.sql(f"UPDATE {table} SET kill_switch_at = now(), kill_switch_by = 'operator'")
    world.ticks(bot, range(1, 5))
    assert (made(world), transfers(world)) == ([], [])
