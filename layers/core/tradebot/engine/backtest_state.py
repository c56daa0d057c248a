"""Where a backtest stands between two candles: one value with one canonical form in bytes."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tradebot.domain.money import ZERO, canonical
from tradebot.engine.memory import BotMemory, start_memory
from tradebot.errors import ConfigurationError

if TYPE_CHECKING:
    from tradebot.engine.backtest_setup import BacktestSetup

STATE_VERSION: Final = 1


@dataclass(slots=True)
class Tally:
    """What the statistics add up over the candles that may trade. Money in quote, exact."""

    candles: int = 0
    #: Candles in which a position was held after their open's executions.
    candles_in_position: int = 0
    #: Entry signals that a bot which could act on them heard.
    entry_signals: int = 0
    #: Entries filled, and positions closed.
    entries: int = 0
    round_trips: int = 0
    wins: int = 0
    losses: int = 0
    gross_profit: Decimal = ZERO
    #: At most zero.
    gross_loss: Decimal = ZERO
    #: Of both sides, the open position's entry fee included.
    fees: Decimal = ZERO
    #: Below zero where it was paid.
    funding: Decimal = ZERO
    #: Settlements that had to be assumed, and settlements from history.
    funding_assumed: int = 0
    funding_known: int = 0
    #: Open of the first candle that may trade.
    first_open: Decimal | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object; decimals in their canonical text."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: canonical(value) if isinstance(value, Decimal) else value for name, value in values.items()}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Tally:
        """Return what `to_json` wrote."""
        values: dict[str, Any] = {name: Decimal(v) if isinstance(v, str) else v for name, v in data.items()}
        return Tally(**values)


@dataclass(slots=True)
class BacktestState:
    """All that the next candle needs. `simulate` never changes the one that it is given."""

    memory: BotMemory
    #: Candles that still only warm up.
    warm_up_left: int
    tally: Tally = field(default_factory=Tally)

    @staticmethod
    def start(setup: BacktestSetup) -> BacktestState:
        """Return the state before the first candle."""
        return BacktestState(start_memory(setup.parameters, setup.initial_capital), setup.warm_up_candles)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {
            "version": STATE_VERSION,
            "memory": self.memory.to_json(),
            "warm_up_left": self.warm_up_left,
            "tally": self.tally.to_json(),
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> BacktestState:
        """Return the state that `to_json` wrote."""
        if data.get("version") != STATE_VERSION:
            raise ConfigurationError(
                f"the backtest's state has version {data.get('version')!r}, this code reads {STATE_VERSION}"
            )
        return BacktestState(BotMemory.from_json(data["memory"]), data["warm_up_left"], Tally.from_json(data["tally"]))

    def to_bytes(self) -> bytes:
        """Return the state's one form in bytes: equal states give equal bytes, on every machine."""
        import json  # noqa: PLC0415  # a backtest in one piece writes no state

        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":")).encode("ascii")

    @staticmethod
    def from_bytes(data: bytes) -> BacktestState:
        """Return the state that `to_bytes` wrote."""
        import json  # noqa: PLC0415  # as above

        return BacktestState.from_json(json.loads(data))
