"""The exchange's memory: everything in dictionaries, and every change in a SQLite file before its answer leaves.

Write-ahead logging makes a commit survive the death of the process at once, and that of the machine at the last
checkpoint; a torn last write is dropped by SQLite when the file is opened again.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from infra.local.exchange.errors import StartError
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.records import Account, Execution, Order
from infra.local.exchange.shelves import Conditionals, Journal

if TYPE_CHECKING:
    from pathlib import Path

Place = tuple[MarketKind, str]  # a symbol of a market
Book = tuple[str, MarketKind, str]  # an account's orders and trades of a symbol

_SCHEMA = "CREATE TABLE IF NOT EXISTS record (kind TEXT, key TEXT, body TEXT, PRIMARY KEY (kind, key)) WITHOUT ROWID"
_FORMAT = "1"


class State:
    """Accounts, orders, executions, counters and settings; `commit` makes what changed durable.

    `durable=False` keeps everything in dictionaries alone, for simulations within one process: several times faster,
    and a change that fails half-way ends them, because nothing can be undone.
    """

    def __init__(self, path: Path | None, *, durable: bool = True) -> None:
        self._path = path
        self._is_durable = durable
        self._database = self._open()
        self._changes: dict[tuple[str, str], Any] = {}
        self._read()

    def _open(self) -> sqlite3.Connection:
        where = str(self._path) if self._path else ":memory:"
        try:
            if self._path:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(where, isolation_level=None, check_same_thread=False, timeout=0.5)
            database.execute("PRAGMA locking_mode=EXCLUSIVE")
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=NORMAL")
            database.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            hint = "another simulator uses it: stop that one" if "locked" in str(error) else "remove it to start anew"
            msg = f"cannot open the exchange's state {where} ({error}); {hint}, or choose another --state."
            raise StartError(msg) from error
        return database

    def _read(self) -> None:
        self.settings: dict[str, str]
        self.accounts: dict[str, Account]
        self.counters: dict[str, list[int]]
        self.orders: defaultdict[Book, list[Order]] = defaultdict(list)
        self.executions: defaultdict[Book, list[Execution]] = defaultdict(list)
        self._by_order_id: dict[tuple[Book, int], Order] = {}
        self._by_client_id: dict[tuple[Book, str], Order] = {}  # the newest: closed orders do not hold their id
        self._of_order: defaultdict[tuple[Book, int], list[Execution]] = defaultdict(list)
        self.open_orders: defaultdict[Place, dict[int, Order]] = defaultdict(dict)
        self._changes = {}
        try:
            rows = self._database.execute("SELECT kind, key, body FROM record").fetchall()
        except sqlite3.Error as error:
            msg = f"the exchange's state {self._path} is damaged ({error}); remove it to start anew."
            raise StartError(msg) from error
        bodies: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        for kind, key, text in rows:
            bodies[kind][key] = json.loads(text)
        self.settings = bodies["setting"]
        self.counters = bodies["counter"]
        self.accounts = {key: Account.from_json(body) for key, body in bodies["account"].items()}
        for order in sorted(map(Order.from_json, bodies["order"].values()), key=lambda one: one.order_id):
            self._file_order(order)
        for execution in sorted(map(Execution.from_json, bodies["execution"].values()), key=lambda one: one.trade_id):
            self._file_execution(execution)
        self.conditionals = Conditionals(self._changes, bodies)
        self.journal = Journal(self._changes, bodies)
        if self.settings.setdefault("format", _FORMAT) != _FORMAT:
            msg = f"the exchange's state {self._path} was written by another version; remove it to start anew."
            raise StartError(msg)
        self._changes["setting", "format"] = _FORMAT

    def _file_order(self, order: Order) -> None:
        book = order.api_key, order.kind, order.symbol
        self.orders[book].append(order)
        self._by_order_id[book, order.order_id] = order
        self._by_client_id[book, order.client_order_id] = order
        if order.is_open:
            self.open_orders[order.kind, order.symbol][order.order_id] = order

    def _file_execution(self, execution: Execution) -> None:
        book = execution.api_key, execution.kind, execution.symbol
        self.executions[book].append(execution)
        self._of_order[book, execution.order_id].append(execution)

    @property
    def is_changed(self) -> bool:
        """Say whether something waits for a commit."""
        return bool(self._changes)

    def commit(self) -> None:
        """Write what changed in one transaction."""
        if not self._changes:
            return
        if not self._is_durable:
            self._changes.clear()
            return
        dropped = [place for place, one in self._changes.items() if one is None]
        rows = [
            (kind, key, json.dumps(one if isinstance(one, str | list) else one.to_json(), separators=(",", ":")))
            for (kind, key), one in self._changes.items()
            if one is not None
        ]
        self._database.execute("BEGIN")
        self._database.executemany("DELETE FROM record WHERE kind = ? AND key = ?", dropped)
        self._database.executemany("INSERT OR REPLACE INTO record VALUES (?, ?, ?)", rows)
        self._database.execute("COMMIT")
        self._changes.clear()

    def roll_back(self) -> None:
        """Forget what is not committed, after an error in the middle of a change."""
        if not self._is_durable:
            msg = "a change failed half-way and this state cannot undo it"
            raise RuntimeError(msg)
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        self._read()

    def close(self) -> None:
        """Close the file; nothing is pending between requests."""
        self._database.close()

    def set(self, name: str, value: str) -> None:
        """Keep a setting, such as market time."""
        self.settings[name] = value
        self._changes["setting", name] = value

    def keep_account(self, account: Account) -> None:
        """Note that an account changed."""
        self.accounts[account.api_key] = account
        self._changes["account", account.api_key] = account

    def next_order_id(self, kind: MarketKind, symbol: str) -> int:
        """Count the orders of a symbol, from 1."""
        return self._count(kind, symbol, 0)

    def next_trade_id(self, kind: MarketKind, symbol: str) -> int:
        """Count the trades of a symbol, from 1."""
        return self._count(kind, symbol, 1)

    def next_id(self, name: str) -> int:
        """Count what has no symbol of its own, from 1."""
        return self._count_of(name, 0)

    def _count(self, kind: MarketKind, symbol: str, place: int) -> int:
        return self._count_of(f"{kind}:{symbol}", place)

    def _count_of(self, name: str, place: int) -> int:
        counter = self.counters.setdefault(name, [0, 0])
        counter[place] += 1
        self._changes["counter", name] = counter
        return counter[place]

    def add_order(self, order: Order) -> None:
        """File a new order."""
        self._file_order(order)
        self.keep_order(order)

    def keep_order(self, order: Order) -> None:
        """Note that an order changed; one that is no longer open leaves the book."""
        if not order.is_open:
            self.open_orders[order.kind, order.symbol].pop(order.order_id, None)
        self._changes["order", f"{order.kind}:{order.symbol}:{order.order_id}"] = order

    def add_execution(self, execution: Execution) -> None:
        """File a fill."""
        self._file_execution(execution)
        self._changes["execution", f"{execution.kind}:{execution.symbol}:{execution.trade_id}"] = execution

    def orders_of(self, api_key: str, kind: MarketKind, symbol: str) -> list[Order]:
        """Return an account's orders of a symbol, oldest first."""
        return self.orders.get((api_key, kind, symbol), [])

    def open_orders_of(self, api_key: str, kind: MarketKind, symbol: str | None = None) -> list[Order]:
        """Return an account's resting orders of a symbol or of all, by symbol and age."""
        places = sorted(place for place in self.open_orders if place[0] == kind and symbol in {None, place[1]})
        return [
            order
            for place in places
            for _, order in sorted(self.open_orders[place].items())
            if order.api_key == api_key
        ]

    def executions_of(
        self, api_key: str, kind: MarketKind, symbol: str, order_id: int | None = None
    ) -> list[Execution]:
        """Return an account's fills of a symbol, or of one order, oldest first."""
        book = api_key, kind, symbol
        return self.executions.get(book, []) if order_id is None else self._of_order.get((book, order_id), [])

    def all_executions_of(self, api_key: str) -> list[Execution]:
        """Return all fills of an account in the order of market time, then by market, symbol and trade id."""
        found = [one for book, executions in self.executions.items() if book[0] == api_key for one in executions]
        return sorted(found, key=lambda one: (one.executed_ms, one.kind, one.symbol, one.trade_id))

    def find_order(
        self, api_key: str, kind: MarketKind, symbol: str, order_id: int | None, client_order_id: str | None
    ) -> Order | None:
        """Find by exchange id, else the newest with the client's id, which closed orders do not hold exclusively."""
        book = api_key, kind, symbol
        if order_id is None:
            return self._by_client_id.get((book, client_order_id or ""))
        order = self._by_order_id.get((book, order_id))
        return order if order and client_order_id in {None, order.client_order_id} else None

    def forget(self, account: Account) -> None:
        """Drop an account with its orders and executions; ids count on."""
        for book in [book for book in self.orders if book[0] == account.api_key]:
            _, kind, symbol = book
            for order in self.orders.pop(book):
                self.open_orders[kind, symbol].pop(order.order_id, None)
                self._by_order_id.pop((book, order.order_id), None)
                self._by_client_id.pop((book, order.client_order_id), None)
                self._of_order.pop((book, order.order_id), None)
                self._changes["order", f"{kind}:{symbol}:{order.order_id}"] = None
            for one in self.executions.pop(book, []):
                self._changes["execution", f"{kind}:{symbol}:{one.trade_id}"] = None
        self.conditionals.forget(account.api_key)
        self.journal.forget(account.api_key)
        self.accounts.pop(account.api_key, None)
        self._changes["account", account.api_key] = None
