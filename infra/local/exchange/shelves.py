"""Memory beside orders and executions: order lists, algo orders, income that is no trade, and transfers."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from infra.local.exchange.conditional import AlgoOrder, OrderList
from infra.local.exchange.records import Income, Transfer

if TYPE_CHECKING:
    from collections.abc import Mapping

Changes = dict[tuple[str, str], Any]


class Conditionals:
    """Order lists and algo orders; ids count over all accounts."""

    def __init__(self, changes: Changes, bodies: Mapping[str, Mapping[str, Any]]) -> None:
        self._changes = changes
        self.lists: dict[int, OrderList] = {}
        self._list_of_client: dict[tuple[str, str], OrderList] = {}  # the newest
        self.algos: dict[int, AlgoOrder] = {}
        self._algo_of_client: dict[tuple[str, str], AlgoOrder] = {}  # the newest
        self.open_algos: defaultdict[str, dict[int, AlgoOrder]] = defaultdict(dict)  # by symbol
        for one in sorted(map(OrderList.from_json, bodies["list"].values()), key=lambda row: row.list_id):
            self._file_list(one)
        for algo in sorted(map(AlgoOrder.from_json, bodies["algo"].values()), key=lambda row: row.algo_id):
            self._file_algo(algo)

    def _file_list(self, one: OrderList) -> None:
        self.lists[one.list_id] = one
        self._list_of_client[one.api_key, one.client_list_id] = one

    def _file_algo(self, one: AlgoOrder) -> None:
        self.algos[one.algo_id] = one
        self._algo_of_client[one.api_key, one.client_algo_id] = one
        if one.is_open:
            self.open_algos[one.symbol][one.algo_id] = one

    def add_list(self, one: OrderList) -> None:
        """File a new order list."""
        self._file_list(one)
        self.keep_list(one)

    def keep_list(self, one: OrderList) -> None:
        """Note that an order list changed."""
        self._changes["list", str(one.list_id)] = one

    def find_list(self, api_key: str, list_id: int | None, client_list_id: str | None) -> OrderList | None:
        """Find by the exchange's id, else the newest with the client's."""
        if list_id is None:
            return self._list_of_client.get((api_key, client_list_id or ""))
        one = self.lists.get(list_id)
        return one if one and one.api_key == api_key and client_list_id in {None, one.client_list_id} else None

    def lists_of(self, api_key: str) -> list[OrderList]:
        """Return an account's order lists, oldest first."""
        return [one for one in self.lists.values() if one.api_key == api_key]

    def add_algo(self, one: AlgoOrder) -> None:
        """File a new algo order."""
        self._file_algo(one)
        self.keep_algo(one)

    def keep_algo(self, one: AlgoOrder) -> None:
        """Note that an algo order changed; one that no longer waits leaves the open ones."""
        if not one.is_open:
            self.open_algos[one.symbol].pop(one.algo_id, None)
        self._changes["algo", str(one.algo_id)] = one

    def find_algo(self, api_key: str, algo_id: int | None, client_algo_id: str | None) -> AlgoOrder | None:
        """Find by the exchange's id, else the newest with the client's."""
        if algo_id is None:
            return self._algo_of_client.get((api_key, client_algo_id or ""))
        one = self.algos.get(algo_id)
        return one if one and one.api_key == api_key and client_algo_id in {None, one.client_algo_id} else None

    def open_algos_of(self, api_key: str, symbol: str | None = None) -> list[AlgoOrder]:
        """Return an account's waiting algo orders, oldest first."""
        symbols = self.open_algos if symbol is None else (symbol,)
        found = [one for name in symbols for one in self.open_algos.get(name, {}).values() if one.api_key == api_key]
        return sorted(found, key=lambda one: one.algo_id)

    def algos_of(self, api_key: str) -> list[AlgoOrder]:
        """Return all of an account's algo orders, oldest first."""
        return [one for one in self.algos.values() if one.api_key == api_key]

    def forget(self, api_key: str) -> None:
        """Drop what belongs to an account."""
        for one in self.lists_of(api_key):
            del self.lists[one.list_id]
            self._list_of_client.pop((api_key, one.client_list_id), None)
            self._changes["list", str(one.list_id)] = None
        for algo in self.algos_of(api_key):
            del self.algos[algo.algo_id]
            self._algo_of_client.pop((api_key, algo.client_algo_id), None)
            self.open_algos[algo.symbol].pop(algo.algo_id, None)
            self._changes["algo", str(algo.algo_id)] = None


class Journal:
    """What moved a wallet and is no trade."""

    def __init__(self, changes: Changes, bodies: Mapping[str, Mapping[str, Any]]) -> None:
        self._changes = changes
        self.incomes: defaultdict[str, list[Income]] = defaultdict(list)
        self.transfers: defaultdict[str, list[Transfer]] = defaultdict(list)
        for one in sorted(map(Income.from_json, bodies["income"].values()), key=lambda row: row.transaction_id):
            self.incomes[one.api_key].append(one)
        for row in sorted(map(Transfer.from_json, bodies["transfer"].values()), key=lambda row: row.transaction_id):
            self.transfers[row.api_key].append(row)

    def add_income(self, one: Income) -> None:
        """File income of a futures wallet."""
        self.incomes[one.api_key].append(one)
        self._changes["income", str(one.transaction_id)] = one

    def add_transfer(self, one: Transfer) -> None:
        """File a transfer between wallets."""
        self.transfers[one.api_key].append(one)
        self._changes["transfer", str(one.transaction_id)] = one

    def forget(self, api_key: str) -> None:
        """Drop what belongs to an account."""
        for one in self.incomes.pop(api_key, []):
            self._changes["income", str(one.transaction_id)] = None
        for row in self.transfers.pop(api_key, []):
            self._changes["transfer", str(row.transaction_id)] = None
