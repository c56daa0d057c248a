"""All that a bot remembers between ticks, as one immutable value with one exact JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tradebot.domain.money import ZERO, canonical, exact
from tradebot.domain.order import ExitReason
from tradebot.domain.position import Position, PositionSide
from tradebot.errors import ConfigurationError, InvalidInputError
from tradebot.strategy.registry import get_strategy

if TYPE_CHECKING:
    from tradebot.engine.parameters import Parameters
    from tradebot.strategy.interface import StrategyState

MEMORY_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class PendingExit:
    """An exit that was decided and is not done. It stays until the position is gone."""

    reason: ExitReason
    #: Close time and close of the candle that decided it; they name the decision even where the reason changes later.
    close_at: datetime
    close: Decimal


@dataclass(frozen=True, slots=True)
class PendingEntry:
    """An entry that the newest closed candle signals. It expires with that candle or with its freshness."""

    side: PositionSide
    close_at: datetime
    close: Decimal


@dataclass(frozen=True, slots=True)
class BotMemory:
    """Balances are in quote; times are aware UTC. `balance` is net of every fee paid, the open position's included."""

    strategy: str
    indicators: StrategyState
    starting_balance: Decimal
    balance: Decimal
    #: Open and close time of the newest candle fed, and its close.
    last_open_at: datetime | None = None
    last_close_at: datetime | None = None
    last_close: Decimal | None = None
    #: Holes seen in the candles since the start.
    gaps: int = 0
    position: Position | None = None
    #: Base that was bought and is too little to sell (spot, while flat), and its book value in quote.
    dust: Decimal = ZERO
    dust_cost: Decimal = ZERO
    #: Fees so far that were paid in a third asset (BNB), at their value in quote: the quote account did not pay them.
    fees_elsewhere: Decimal = ZERO
    day: date | None = None
    day_base_equity: Decimal | None = None
    #: Realised in `day`.
    daily_pnl: Decimal = ZERO
    #: Entries filled in `day`.
    trades_today: int = 0
    #: DAILY_LOSS or DAILY_TARGET once reached in `day`.
    day_latch: ExitReason | None = None
    pending_exit: PendingExit | None = None
    pending_entry: PendingEntry | None = None

    @property
    def realized_pnl(self) -> Decimal:
        """Sum of every exit's `realized_pnl`."""
        with exact():
            open_fee = self.position.entry_fee if self.position else ZERO
            open_funding = self.position.funding if self.position else ZERO
            return self.balance - self.starting_balance + open_fee - open_funding

    @property
    def quote_change(self) -> Decimal:
        """By how much the bot has changed the account's quote balance (futures: wallet balance) since it started."""
        with exact():
            return self.balance - self.starting_balance + self.fees_elsewhere - self.spot_cost

    @property
    def free_quote(self) -> Decimal:
        """Quote that an account which began with the starting balance alone would have; free where nothing is held."""
        with exact():
            return self.starting_balance + self.quote_change

    @property
    def spot_cost(self) -> Decimal:
        """Book value of the coins held, dust included; 0 on futures, where a position costs the wallet nothing."""
        with exact():
            return self.dust_cost + (self.position.cost if self.position and self.position.is_owned else ZERO)

    @property
    def base_held(self) -> Decimal:
        """Coins that the account must hold for this bot on spot; on futures the size of the position, signed."""
        if self.position is None:
            return self.dust
        return self.position.quantity if self.position.is_owned else self.position.side.sign * self.position.quantity

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object: floats as hex, decimals in their canonical text, times in ISO 8601."""
        return {
            "version": MEMORY_VERSION,
            "strategy": self.strategy,
            "indicators": self.indicators.to_json(),
            "starting_balance": canonical(self.starting_balance),
            "balance": canonical(self.balance),
            "last_open_at": _time_text(self.last_open_at),
            "last_close_at": _time_text(self.last_close_at),
            "last_close": _text(self.last_close),
            "gaps": self.gaps,
            "position": _position_to_json(self.position) if self.position else None,
            "dust": canonical(self.dust),
            "dust_cost": canonical(self.dust_cost),
            "fees_elsewhere": canonical(self.fees_elsewhere),
            "day": self.day.isoformat() if self.day else None,
            "day_base_equity": _text(self.day_base_equity),
            "daily_pnl": canonical(self.daily_pnl),
            "trades_today": self.trades_today,
            "day_latch": self.day_latch.value if self.day_latch else None,
            "pending_exit": _pending_to_json("reason", self.pending_exit.reason.value, self.pending_exit)
            if self.pending_exit
            else None,
            "pending_entry": _pending_to_json("side", self.pending_entry.side.value, self.pending_entry)
            if self.pending_entry
            else None,
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> BotMemory:
        """Return the memory that `to_json` wrote."""
        if data.get("version") != MEMORY_VERSION:
            raise ConfigurationError(
                f"the bot's memory has version {data.get('version')!r}, this code reads {MEMORY_VERSION}: start it anew"
            )
        pending_exit, pending_entry = data["pending_exit"], data["pending_entry"]
        return BotMemory(
            strategy=data["strategy"],
            indicators=get_strategy(data["strategy"]).state_from_json(data["indicators"]),
            starting_balance=Decimal(data["starting_balance"]),
            balance=Decimal(data["balance"]),
            last_open_at=_time(data["last_open_at"]),
            last_close_at=_time(data["last_close_at"]),
            last_close=_decimal(data["last_close"]),
            gaps=data["gaps"],
            position=_position_from_json(data["position"]) if data["position"] else None,
            dust=Decimal(data["dust"]),
            dust_cost=Decimal(data["dust_cost"]),
            fees_elsewhere=Decimal(data["fees_elsewhere"]),
            day=date.fromisoformat(data["day"]) if data["day"] else None,
            day_base_equity=_decimal(data["day_base_equity"]),
            daily_pnl=Decimal(data["daily_pnl"]),
            trades_today=data["trades_today"],
            day_latch=ExitReason(data["day_latch"]) if data["day_latch"] else None,
            pending_exit=PendingExit(ExitReason(pending_exit["reason"]), *_close_of(pending_exit))
            if pending_exit
            else None,
            pending_entry=PendingEntry(PositionSide(pending_entry["side"]), *_close_of(pending_entry))
            if pending_entry
            else None,
        )


def start_memory(parameters: Parameters, balance: Decimal) -> BotMemory:
    """Return the memory of a bot that starts with `balance` in quote: `initial_capital`, else what is free."""
    if not balance.is_finite() or balance < 0:
        raise InvalidInputError(f"a bot cannot start with a balance of {balance}", field="initial_capital")
    indicators = get_strategy(parameters.strategy).start(parameters.indicators)
    return BotMemory(parameters.strategy, indicators, starting_balance=balance, balance=balance)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else canonical(value)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _time_text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _pending_to_json(name: str, value: str, pending: PendingExit | PendingEntry) -> dict[str, Any]:
    return {name: value, "close_at": _time_text(pending.close_at), "close": canonical(pending.close)}


def _close_of(data: dict[str, Any]) -> tuple[datetime, Decimal]:
    return datetime.fromisoformat(data["close_at"]), Decimal(data["close"])


def _position_to_json(position: Position) -> dict[str, Any]:
    return {
        "side": position.side.value,
        "entry_key": position.entry_key,
        "entry_close_at": _time_text(position.entry_close_at),
        "opened_at": _time_text(position.opened_at),
        "is_owned": position.is_owned,
        "quantity": canonical(position.quantity),
        "cost": canonical(position.cost),
        "entry_quantity": canonical(position.entry_quantity),
        "entry_quote": canonical(position.entry_quote),
        "entry_fee": canonical(position.entry_fee),
        "stop_loss_price": canonical(position.stop_loss_price),
        "take_profit_price": canonical(position.take_profit_price),
        "trailing_stop_price": _text(position.trailing_stop_price),
        "extreme_price": canonical(position.extreme_price),
        "funding": canonical(position.funding),
        "trailing_since": _time_text(position.trailing_since),
    }


def _position_from_json(data: dict[str, Any]) -> Position:
    return Position(
        side=PositionSide(data["side"]),
        entry_key=data["entry_key"],
        entry_close_at=datetime.fromisoformat(data["entry_close_at"]),
        opened_at=datetime.fromisoformat(data["opened_at"]),
        is_owned=data["is_owned"],
        quantity=Decimal(data["quantity"]),
        cost=Decimal(data["cost"]),
        entry_quantity=Decimal(data["entry_quantity"]),
        entry_quote=Decimal(data["entry_quote"]),
        entry_fee=Decimal(data["entry_fee"]),
        stop_loss_price=Decimal(data["stop_loss_price"]),
        take_profit_price=Decimal(data["take_profit_price"]),
        trailing_stop_price=_decimal(data["trailing_stop_price"]),
        extreme_price=Decimal(data["extreme_price"]),
        funding=Decimal(data.get("funding", "0")),  # memories written before funding existed
        trailing_since=_time(data.get("trailing_since")),  # and before an open told which stop had rested
    )
