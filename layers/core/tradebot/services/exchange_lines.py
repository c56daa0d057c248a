"""The lines to the exchange that a warm process keeps: one public per market, one per account, for minutes at most."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tradebot.errors import DatabaseUnavailableError
from tradebot.exchange.transport import Venue
from tradebot.exchange.weights import WEIGHT_PER_MINUTE
from tradebot.observability import logger
from tradebot.repositories.sealed_keys import load_sealed_key
from tradebot.security.credentials import open_credentials
from tradebot.services.exchange_budget import ExchangeBudget
from tradebot.services.market_cache import MarketCache

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tradebot.exchange.protocol import Account, ExchangeClient, KeyChecker, MarketData, Wallet
    from tradebot.repositories.leases import Claim
    from tradebot.security.credentials import Credentials
    from tradebot.security.data_keys import DataKeyOpener
    from tradebot.services.user_sessions import OpenSession

#: How long a decrypted key stays in the process, used or not.
ACCOUNT_KEPT_SECONDS = 300.0
MAX_ACCOUNTS = 64


class ClientMaker(Protocol):
    """Makes a client of one market of one environment; without a key, a public one."""

    def __call__(
        self, venue: Venue, environment: str, market: str, *, api_key: str = "", secret_key: str = ""
    ) -> ExchangeClient:
        """See exchange.ccxt_client."""
        ...


class KeyCheckerMaker(Protocol):
    """Makes the client that can say what a key may do."""

    def __call__(self, spot: Venue, futures: Venue, environment: str, *, api_key: str, secret_key: str) -> KeyChecker:
        """See exchange.ccxt_client."""
        ...


class WalletMaker(Protocol):
    """Makes the client of the spot side of an account, from which margin is moved."""

    def __call__(self, venue: Venue, environment: str, *, api_key: str, secret_key: str) -> Wallet:
        """See exchange.ccxt_client."""
        ...


@dataclass(slots=True)
class ExchangeLines:
    """Opens and keeps lines. For one thread, as a function's process is."""

    open_session: OpenSession
    data_keys: DataKeyOpener
    make_client: ClientMaker
    make_key_checker: KeyCheckerMaker
    make_wallet: WalletMaker
    #: Base URL of an environment's market.
    base_url: Callable[[str, str], str]
    #: Name of the address that this process sends from: all that share it share its limits.
    egress: str = "default"
    #: Wire time of a simulation, for limits; None is the database's clock.
    now: Callable[[], datetime] | None = None
    #: The local clock that signs, in nanoseconds since 1970.
    now_ns: Callable[[], int] = time.time_ns
    _budgets: dict[str, ExchangeBudget] = field(default_factory=dict)
    _venues: dict[str, Venue] = field(default_factory=dict)
    _markets: dict[tuple[str, str], MarketCache] = field(default_factory=dict)
    _accounts: dict[tuple[int, datetime | None, str], tuple[float, Account]] = field(default_factory=dict)

    def market(self, environment: str, market_type: str) -> MarketData:
        """Return the public line: no key is decrypted for it."""
        line = (environment, market_type)
        if line not in self._markets:
            venue = self._venue(*line)
            client = self.make_client(venue, *line)
            self._markets[line] = MarketCache(self.open_session, self.budget(*line).venue, client, venue.symbol_rules)
        return self._markets[line]

    def account(self, claim: Claim) -> Account:
        """Return the account of a claimed bot. Only here its key is decrypted; a changed row is decrypted anew."""
        config = claim.config
        assert config.api_key_id is not None
        market_type = config.position_type.value
        name = (config.api_key_id, claim.key_updated_at, market_type)
        now = time.monotonic()
        self._accounts = {one: kept for one, kept in self._accounts.items() if kept[0] > now}
        if name not in self._accounts:
            environment, credentials = self._credentials(claim.user_id, config.api_key_id)
            account = self.make_client(
                self._venue(environment, market_type),
                environment,
                market_type,
                api_key=credentials.api_key.reveal(),
                secret_key=credentials.secret_key.reveal(),
            )
            while len(self._accounts) >= MAX_ACCOUNTS:
                self._accounts.pop(next(iter(self._accounts)))
            self._accounts[name] = (now + ACCOUNT_KEPT_SECONDS, account)
        return self._accounts[name][1]

    def wallet(self, claim: Claim) -> Wallet:
        """Return the wallet of a claimed bot's account. Seldom asked for, so nothing of it is kept."""
        assert claim.config.api_key_id is not None
        environment, credentials = self._credentials(claim.user_id, claim.config.api_key_id)
        return self.make_wallet(
            self._venue(environment, "spot"),
            environment,
            api_key=credentials.api_key.reveal(),
            secret_key=credentials.secret_key.reveal(),
        )

    def key_checker(self, user_id: int, api_key_id: int) -> KeyChecker:
        """Return the client that can say what a key may do. Nothing of it is kept."""
        environment, credentials = self._credentials(user_id, api_key_id)
        return self.make_key_checker(
            self._venue(environment, "spot"),
            self._venue(environment, "futures"),
            environment,
            api_key=credentials.api_key.reveal(),
            secret_key=credentials.secret_key.reveal(),
        )

    def budget(self, environment: str, market_type: str) -> ExchangeBudget:
        """Return the request limit of a venue, which stands before each of its lines."""
        venue = f"{environment}-{market_type}"
        if venue not in self._budgets:
            limit = WEIGHT_PER_MINUTE[market_type]
            self._budgets[venue] = ExchangeBudget(self.open_session, venue, self.egress, limit, self.now)
        return self._budgets[venue]

    def settle(self) -> None:
        """Give back what a tick has reserved and not used. What fails here is told again by the next tick."""
        for budget in self._budgets.values():
            try:
                budget.settle()
            except DatabaseUnavailableError as error:
                logger().warning("request weight not settled", venue=budget.venue, reason=error.message)

    def request_count(self) -> int:
        """Return how many HTTP requests this process has sent to exchanges."""
        return sum(venue.request_count for venue in self._venues.values())

    def weight(self) -> int:
        """Return what those requests have cost of the exchanges' limits."""
        return sum(venue.weight for venue in self._venues.values())

    def waited_ms(self) -> float:
        """Return how long this process has waited for exchanges to answer it."""
        return 1000 * sum(venue.waited_seconds for venue in self._venues.values())

    def waited_for_others_ms(self) -> float:
        """Return how long it has waited for market data that another worker was reading, or that could still change."""
        return 1000 * sum(market.waited_seconds for market in self._markets.values())

    def _venue(self, environment: str, market_type: str) -> Venue:
        url = self.base_url(environment, market_type)
        # By market as well: the two keep filters of the same symbols, even where one server stands for both.
        venue = Venue(url, self.budget(environment, market_type), now_ns=self.now_ns)
        return self._venues.setdefault(f"{market_type} {url}", venue)

    def _credentials(self, user_id: int, api_key_id: int) -> tuple[str, Credentials]:
        with self.open_session(user_id) as session:
            sealed = load_sealed_key(session, user_id, api_key_id)
        credentials = open_credentials(
            self.data_keys,
            user_id=user_id,
            api_key_id=api_key_id,
            encrypted_api_key=sealed.encrypted_api_key,
            encrypted_secret_key=sealed.encrypted_secret_key,
            encrypted_data_key=sealed.encrypted_data_key,
        )
        return sealed.environment, credentials
