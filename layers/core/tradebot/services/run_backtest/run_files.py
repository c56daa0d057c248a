"""Where a backtest's objects lie in the report bucket, and the two that its steps hand on: state and outputs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.engine.backtest_output import BacktestOutput
from tradebot.engine.backtest_state import BacktestState
from tradebot.engine.packed import pack_output, unpack_output
from tradebot.services.backtest_files import CONTENT_TYPES, prefix_of

if TYPE_CHECKING:
    from tradebot.aws.object_store import ObjectStore
    from tradebot.engine.backtest_setup import Units


@dataclass(frozen=True, slots=True)
class Carried:
    """What one simulate step hands to the next."""

    state: BacktestState
    #: Candles that only warmed up, and the decimals of all prices.
    warm_up: int
    price_decimals: int
    #: Names of the parts of the output, in order.
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunFiles:
    """One backtest's objects. The same step of the same backtest writes the same bytes, however often it runs."""

    store: ObjectStore
    user_id: int
    backtest_id: int

    @property
    def prefix(self) -> str:
        """Return what all its keys begin with."""
        return prefix_of(self.user_id, self.backtest_id)

    def uri(self, name: str) -> str:
        """Return where a file lies."""
        return f"s3://{self.store.name}/{self.prefix}{name}"

    def save_part(self, begin_ms: int, end_ms: int, output: BacktestOutput) -> str:
        """Store what the candles that open in [begin, end) brought, and return the part's name."""
        name = f"parts/{begin_ms:013d}-{end_ms:013d}"
        self.store.put(f"{self.prefix}{name}", pack_output(output))
        return name

    def joined_output(self, carried: Carried, units: Units) -> BacktestOutput:
        """Return what all candles brought."""
        joined = BacktestOutput(units)
        for name in carried.parts:
            joined.extend(unpack_output(self.store.get(f"{self.prefix}{name}"), units))
        return joined

    def save_state(self, reached_ms: int, carried: Carried) -> None:
        """Store where the simulation stands."""
        document = {
            "parts": carried.parts,
            "price_decimals": carried.price_decimals,
            "state": carried.state.to_json(),
            "warm_up": carried.warm_up,
        }
        content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        self.store.put(f"{self.prefix}states/{reached_ms:013d}", content, "application/json")

    def load_state(self, reached_ms: int) -> Carried:
        """Return what `save_state` stored."""
        data = json.loads(self.store.get(f"{self.prefix}states/{reached_ms:013d}"))
        return Carried(
            BacktestState.from_json(data["state"]), data["warm_up"], data["price_decimals"], tuple(data["parts"])
        )

    def save_text(self, name: str, text: str) -> None:
        """Store a file of the report."""
        self.store.put(f"{self.prefix}{name}", text.encode(), CONTENT_TYPES[name])
