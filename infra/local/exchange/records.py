"""What the exchange remembers: accounts, positions, orders, executions; and how each becomes JSON and comes back."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, ClassVar, Self

from infra.local.exchange.decimals import ZERO, plain
from infra.local.exchange.instruments import MarketKind

Json = dict[str, Any]

NEW, PARTIALLY_FILLED, FILLED = "NEW", "PARTIALLY_FILLED", "FILLED"
CANCELED, EXPIRED, REJECTED = "CANCELED", "EXPIRED", "REJECTED"
TRIGGERED, FINISHED = "TRIGGERED", "FINISHED"  # of algo orders
OPEN_STATUSES = frozenset({NEW, PARTIALLY_FILLED})
BUY, SELL = "BUY", "SELL"


class Record:
    """Turns flat dataclasses into JSON and back; decimals travel as text."""

    __slots__ = ()
    _DECODERS: ClassVar[dict[str, Any]] = {"Decimal": Decimal, "MarketKind": MarketKind}

    def to_json(self) -> Json:
        """Return the fields with decimals as text."""
        values = ((one.name, getattr(self, one.name)) for one in fields(self))  # type: ignore[arg-type]  # subclasses are dataclasses
        return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in values}

    @classmethod
    def from_json(cls, row: Json) -> Self:
        """Build from what `to_json` returned."""
        values = {}
        for one in fields(cls):  # type: ignore[arg-type]  # subclasses are dataclasses
            if one.name in row:  # a field that a later version adds starts with its default
                decode = cls._DECODERS.get(str(one.type))
                values[one.name] = decode(row[one.name]) if decode else row[one.name]
        return cls(**values)


@dataclass(slots=True)
class Balance(Record):
    """One asset of a spot wallet; `locked` is held by resting orders."""

    free: Decimal = ZERO
    locked: Decimal = ZERO


@dataclass(slots=True)
class Position(Record):
    """Settings and position of one futures symbol, one-way: quantity is negative for a short.

    `cost` is the exact sum of quantity x price of what is open, so that no average is ever rounded into the profit.
    """

    symbol: str
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    margin: Decimal = ZERO  # the isolated wallet, unrounded; zero while crossed
    leverage: int = 20
    isolated: bool = False
    updated_ms: int = 0

    @property
    def entry_price(self) -> Decimal:
        """Return the average entry price, for showing."""
        return self.cost / abs(self.quantity) if self.quantity else ZERO

    def is_reduced_by(self, side: str) -> bool:
        """Say whether an order of `side` would make it smaller."""
        return self.quantity < 0 if side == BUY else self.quantity > 0

    def unrealized(self, mark: Decimal) -> Decimal:
        """Return the profit at `mark`."""
        value = abs(self.quantity) * mark
        return value - self.cost if self.quantity > 0 else self.cost - value


@dataclass(slots=True)
class Key(Record):
    """What is said of an API key beside its permissions."""

    public_key: str = ""  # PEM of an Ed25519 key; without one the key signs with HMAC-SHA256
    trading_expires_ms: int = 0  # wire time after which it may only read; 0: never
    is_refused: bool = False  # sent from an address that is not on its list, or to the wrong environment


@dataclass(slots=True)
class Account:
    """One API key with its wallets; futures wallets hold isolated margins too, as Binance shows them."""

    api_key: str
    secret_key: str
    spot: dict[str, Balance] = field(default_factory=dict)
    futures: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    permissions: dict[str, bool] = field(default_factory=dict)
    key: Key = field(default_factory=Key)
    is_hedged: bool = False  # long and short at once, which this exchange shows but does not trade
    created_ms: int = 0
    futures_updated_ms: int = 0  # clients take an asset whose update time is 0 for one that was never used

    def balance(self, asset: str) -> Balance:
        """Return the spot balance of `asset`, made where it is missing."""
        return self.spot.setdefault(asset, Balance())

    def free(self, asset: str) -> Decimal:
        """Return what of `asset` new spot orders may use."""
        balance = self.spot.get(asset)
        return balance.free if balance else ZERO

    def position(self, symbol: str) -> Position:
        """Return the position of `symbol`; a flat one with a new account's settings is not kept until `keep`."""
        return self.positions.get(symbol) or Position(symbol)

    def keep(self, position: Position) -> None:
        """Keep a position that was changed."""
        self.positions[position.symbol] = position

    def to_json(self) -> Json:
        """Return everything with decimals as text."""
        return {
            "api_key": self.api_key,
            "secret_key": self.secret_key,
            "spot": {asset: balance.to_json() for asset, balance in self.spot.items()},
            "futures": {asset: plain(amount) for asset, amount in self.futures.items()},
            "positions": {symbol: position.to_json() for symbol, position in self.positions.items()},
            "permissions": self.permissions,
            "key": self.key.to_json(),
            "is_hedged": self.is_hedged,
            "created_ms": self.created_ms,
            "futures_updated_ms": self.futures_updated_ms,
        }

    @classmethod
    def from_json(cls, row: Json) -> Self:
        """Build from what `to_json` returned."""
        return cls(
            api_key=row["api_key"],
            secret_key=row["secret_key"],
            spot={asset: Balance.from_json(balance) for asset, balance in row["spot"].items()},
            futures={asset: Decimal(amount) for asset, amount in row["futures"].items()},
            positions={symbol: Position.from_json(one) for symbol, one in row["positions"].items()},
            permissions=row["permissions"],
            key=Key.from_json(row.get("key", {})),
            is_hedged=row.get("is_hedged", False),
            created_ms=row["created_ms"],
            futures_updated_ms=row["futures_updated_ms"],
        )


@dataclass(slots=True)
class Order(Record):
    """An order of either market; `locked` is what a resting spot order holds of the asset that it gives.

    Two legs of an order list hold it once, on the leg that came first.
    """

    kind: MarketKind
    symbol: str
    order_id: int
    api_key: str
    client_order_id: str
    side: str
    type: str
    time_in_force: str
    quantity: Decimal
    price: Decimal
    created_ms: int
    updated_ms: int
    quote_quantity: Decimal = ZERO
    stop_price: Decimal = ZERO
    reduce_only: bool = False
    status: str = NEW
    executed_quantity: Decimal = ZERO
    executed_quote: Decimal = ZERO
    locked: Decimal = ZERO
    list_id: int = -1
    working_ms: int = 0  # when it went onto the book; a stop that waits for its price is not on it

    @property
    def is_waiting(self) -> bool:
        """Say whether it waits for its stop price."""
        return self.is_open and bool(self.stop_price) and not self.working_ms

    @property
    def is_open(self) -> bool:
        """Say whether it rests on the book."""
        return self.status in OPEN_STATUSES

    @property
    def remaining(self) -> Decimal:
        """Return what is not executed yet, in base."""
        return self.quantity - self.executed_quantity

    @property
    def average_price(self) -> Decimal:
        """Return the mean execution price, for showing."""
        return self.executed_quote / self.executed_quantity if self.executed_quantity else ZERO


@dataclass(frozen=True, slots=True)
class Execution(Record):
    """One fill, dated in market time."""

    kind: MarketKind
    symbol: str
    trade_id: int
    order_id: int
    client_order_id: str
    api_key: str
    side: str
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    commission: Decimal
    commission_asset: str
    is_maker: bool
    executed_ms: int
    realized_pnl: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Income(Record):
    """What a futures wallet got or gave without a trade; dated in market time."""

    transaction_id: int
    api_key: str
    symbol: str
    type: str
    amount: Decimal
    asset: str
    received_ms: int


@dataclass(frozen=True, slots=True)
class Transfer(Record):
    """A transfer between two wallets of an account; dated in wire time, as all that no candle moves."""

    transaction_id: int
    api_key: str
    type: str
    asset: str
    amount: Decimal
    made_ms: int
