"""Margin from spot to futures: off unless asked for, sent once, and never again where its end is not known."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from tradebot.errors import ExchangeUnavailableError, OrderRejectedError
from tradebot.exchange.protocol import Transfer as Made
from tradebot.models import Transfer
from tradebot.observability import metrics
from tradebot.repositories.session import session_scope
from tradebot.services.exchange_lines import ExchangeLines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Row

    from tests.integration.bot_runner.conftest import World

#: Ten minutes up, ten down, and so on: entries at several candles.
WAVES = ([10] * 6 + [-10] * 6) * 3
#: Twice what the account has on futures.
SHORT: dict[str, Any] = {
    "position_type": "futures",
    "initial_capital": Decimal(50_000),
    "position_size_fixed": Decimal(20_000),
    "auto_transfer_funds": True,
}


class KilledError(BaseException):
    """The process is gone."""


@dataclass
class Wallet:
    """Stands for the spot side of the account. `fault` says what happens to a transfer."""

    fault: str = ""
    sent: list[Decimal] = field(default_factory=list)
    history: list[Made] = field(default_factory=list)
    is_history_readable: bool = True

    def synchronise_clock(self, *, force: bool = False) -> None:
        del force

    def wire_now_ms(self) -> int:
        return int(datetime.now(UTC).timestamp() * 1000)

    def transfer_to_futures(self, asset: str, amount: Decimal, signed_at_ms: int) -> str:
        if self.fault == "killed before":
            raise KilledError
        self.sent.append(amount)
        if self.fault == "refused":
            raise OrderRejectedError("not enough on spot")
        if self.fault == "request lost":
            raise ExchangeUnavailableError("no answer")
        status = {"pending": "PENDING", "failed": "FAILED"}.get(self.fault, "CONFIRMED")
        made_at = datetime.fromtimestamp(signed_at_ms / 1000, UTC)
        self.history.append(Made(str(len(self.history) + 1), asset, amount, status, made_at))
        if self.fault == "killed after":
            raise KilledError
        if self.fault:
            raise ExchangeUnavailableError("no answer")
        return self.history[-1].transaction_id

    def transfers_to_futures(self, asset: str, since: datetime) -> tuple[Made, ...]:
        if not self.is_history_readable:
            raise ExchangeUnavailableError("no answer")
        return tuple(one for one in self.history if one.asset == asset and one.made_at >= since)


class Lines(ExchangeLines):
    """Hands out the wallet above."""

    spot: Wallet

    def wallet(self, claim: Any) -> Any:
        del claim
        return self.spot


def begin(make_world: Callable[..., World], fault: str = "", **values: Any) -> tuple[World, int, Wallet]:
    world = make_world(WAVES)
    lines = world.new_lines(Lines)
    assert isinstance(lines, Lines)
    lines.spot = Wallet(fault)
    world.use(lines)
    bot = world.add_bot(**{**SHORT, **values})
    world.sql("UPDATE bot_states SET started_at = now() - interval '1 minute'")
    world.tick(bot, 0)
    return world, bot, lines.spot


def transfers(world: World) -> Sequence[Row[Any]]:
    with session_scope(world.look, None) as session:
        return session.execute(select(*Transfer.__table__.columns).order_by(Transfer.id)).all()


def statuses(world: World) -> list[str]:
    return [row.status.value for row in transfers(world)]


@pytest.mark.rule(35)
def test_off_unless_asked_for(make_world: Callable[..., World]) -> None:
    world, bot, wallet = begin(make_world, auto_transfer_funds=False)
    assert "entry:FILLED" in world.ticks(bot, range(1, 5))
    assert (wallet.sent, transfers(world)) == ([], [])


def test_enough_margin_moves_nothing(make_world: Callable[..., World]) -> None:
    world, bot, wallet = begin(make_world, position_size_fixed=Decimal(1000))
    assert "entry:FILLED" in world.ticks(bot, range(1, 5))
    assert wallet.sent == []


@pytest.mark.rule(35)
@pytest.mark.parametrize("amount", [None, Decimal(300)])
def test_what_is_missing_or_what_was_configured_is_moved_once(
    make_world: Callable[..., World], amount: Decimal | None
) -> None:
    world, bot, wallet = begin(make_world, transfer_amount=amount)
    acts = world.ticks(bot, range(1, 5))
    assert acts.index("transfer_done") < acts.index("entry:FILLED")
    # 20,000 and the fee of five times as much, of which 99 % may be used; 10,000 are there.
    missing = (Decimal(20_000) * (1 + 5 * Decimal("0.0005")) / Decimal("0.99") - 10_000).quantize(Decimal("1E-8"))
    assert wallet.sent == [amount or missing]
    (row,) = transfers(world)
    assert (row.status, row.transaction_id, row.asset, row.amount) == ("DONE", "1", "USDT", wallet.sent[0])


@pytest.mark.parametrize("fault", ["answer lost", "killed after"])
def test_one_that_was_made_is_found_in_the_history(make_world: Callable[..., World], fault: str) -> None:
    world, bot, wallet = begin(make_world, fault)
    run_until_sent(world, bot, wallet)
    assert statuses(world) in (["UNKNOWN"], ["SENDING"])
    wallet.fault = ""
    world.expire_lease(bot)
    world.ticks(bot, [5])
    assert statuses(world) == ["DONE"]
    assert len(wallet.sent) == 1
    assert "transfer" not in (world.state(bot).last_error_message or "")


@pytest.mark.rule(35)
@pytest.mark.parametrize("fault", ["request lost", "killed before"])
def test_one_that_is_not_found_is_never_sent_again_and_its_user_is_told(
    make_world: Callable[..., World], fault: str
) -> None:
    world, bot, wallet = begin(make_world, fault)
    run_until_sent(world, bot, wallet)
    attempts = len(wallet.sent)
    wallet.fault = ""
    world.expire_lease(bot)
    world.ticks(bot, range(5, 20))
    assert len(wallet.sent) == attempts, "another entry came, and no other transfer with it"
    assert statuses(world) == ["UNKNOWN"]
    assert "It is not sent again" in world.state(bot).last_error_message


def run_until_sent(world: World, bot: int, wallet: Wallet) -> None:
    for minute in range(1, 5):
        try:
            world.tick(bot, minute)
        except KilledError:
            break
        finally:
            metrics().clear_metrics()
        if wallet.sent:
            break
    assert transfers(world)


def test_a_start_by_the_user_allows_the_next_one(make_world: Callable[..., World]) -> None:
    world, bot, wallet = begin(make_world, "request lost")
    run_until_sent(world, bot, wallet)
    wallet.fault = ""
    world.sql("UPDATE bot_states SET started_at = now()")
    world.ticks(bot, range(5, 20))
    assert statuses(world)[:2] == ["UNKNOWN", "DONE"]


def test_a_refusal_is_final_and_the_entry_goes_on_with_what_is_there(make_world: Callable[..., World]) -> None:
    world, bot, wallet = begin(make_world, "refused")
    assert "entry:FILLED" in world.ticks(bot, range(1, 5))
    assert statuses(world) == ["REFUSED"]
    assert len(wallet.sent) == 1


@pytest.mark.parametrize(("fault", "status"), [("pending", "UNKNOWN"), ("failed", "REFUSED")])
def test_what_the_history_says_of_it_counts(make_world: Callable[..., World], fault: str, status: str) -> None:
    world, bot, wallet = begin(make_world, fault)
    run_until_sent(world, bot, wallet)
    wallet.fault = ""
    world.ticks(bot, [5])
    assert statuses(world) == [status]


def test_a_history_that_cannot_be_read_says_nothing(make_world: Callable[..., World]) -> None:
    world, bot, wallet = begin(make_world, "answer lost")
    run_until_sent(world, bot, wallet)
    wallet.is_history_readable = False
    world.ticks(bot, [5])
    assert statuses(world) == ["UNKNOWN"]
    wallet.is_history_readable = True
    world.ticks(bot, [6])
    assert statuses(world) == ["DONE"]


def test_anothers_transfer_of_the_same_amount_is_not_taken_for_ours(make_world: Callable[..., World]) -> None:
    world, bot, wallet = begin(make_world, "request lost", transfer_amount=Decimal(300))
    run_until_sent(world, bot, wallet)
    (row,) = transfers(world)
    signed_at = datetime.fromtimestamp(row.signed_at_ms / 1000, UTC)
    world.sql(
        "INSERT INTO transfers (user_id, bot_config_id, account, decision_key, asset, amount, status, signed_at_ms,"
        " transaction_id) VALUES (:user, :bot, :account, 'k', 'USDT', 300, 'DONE', 1, '77')",
        user=world.user_id,
        bot=bot,
        account=row.account,
    )
    wallet.history += [
        Made("77", "USDT", Decimal(300), "CONFIRMED", signed_at),  # accounted for
        Made("78", "USDT", Decimal(301), "CONFIRMED", signed_at),  # another amount
        Made("79", "USDT", Decimal(300), "CONFIRMED", datetime.now(UTC).replace(year=2030)),  # another time
    ]
    world.ticks(bot, [5])
    assert statuses(world) == ["UNKNOWN", "DONE"]


@pytest.mark.parametrize("table", ["bot_states", "users", "platform_switches"])
def test_no_money_moves_while_a_switch_is_on(make_world: Callable[..., World], table: str) -> None:
    world, bot, wallet = begin(make_world)
    world.sql(f"UPDATE {table} SET kill_switch_at = now(), kill_switch_by = 'operator'")
    world.ticks(bot, range(1, 5))
    assert (wallet.sent, transfers(world)) == ([], [])
