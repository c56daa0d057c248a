"""Makes Binance's clients: one class for each market, over ccxt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.errors import ExchangeAuthenticationError
from tradebot.exchange.binance_futures import BinanceFuturesClient
from tradebot.exchange.binance_spot import BinanceSpotClient, BinanceSpotTestnetClient
from tradebot.exchange.transport import CcxtTransport
from tradebot.exchange.venue_records import KeyReport

if TYPE_CHECKING:
    from tradebot.exchange.protocol import KeyChecker
    from tradebot.exchange.transport import Venue


def make_client(
    venue: Venue, environment: str, market: str, *, api_key: str = "", secret_key: str = ""
) -> BinanceSpotClient | BinanceFuturesClient:
    """Return the client for `market` (`spot` or `futures`) of `environment` (`live` or `testnet`)."""
    if market == "futures":
        urls = BinanceFuturesClient.urls(venue.base_url)
        return BinanceFuturesClient(CcxtTransport(venue, urls, api_key=api_key, secret_key=secret_key))
    return make_wallet(venue, environment, api_key=api_key, secret_key=secret_key)


def make_wallet(venue: Venue, environment: str, *, api_key: str = "", secret_key: str = "") -> BinanceSpotClient:
    """Return the spot client, which is also the wallet."""
    kind = BinanceSpotClient if environment == "live" else BinanceSpotTestnetClient
    return kind(CcxtTransport(venue, kind.urls(venue.base_url), api_key=api_key, secret_key=secret_key))


def make_key_checker(spot: Venue, futures: Venue, environment: str, *, api_key: str, secret_key: str) -> KeyChecker:
    """Return what can say what a key may do."""
    if environment == "live":
        return make_wallet(spot, environment, api_key=api_key, secret_key=secret_key)
    urls = BinanceFuturesClient.urls(futures.base_url)
    return TestnetKeyChecker(
        BinanceSpotTestnetClient(
            CcxtTransport(spot, BinanceSpotClient.urls(spot.base_url), api_key=api_key, secret_key=secret_key)
        ),
        BinanceFuturesClient(CcxtTransport(futures, urls, api_key=api_key, secret_key=secret_key)),
    )


@dataclass(frozen=True, slots=True)
class TestnetKeyChecker:
    """The testnet's markets are two sites with keys of their own, and neither lists a key's restrictions.

    A key is good where one of them lets it trade. Nothing can be withdrawn there.
    """

    spot: BinanceSpotTestnetClient
    futures: BinanceFuturesClient

    def synchronise_clock(self, *, force: bool = False) -> None:
        """Measure both sites' clocks."""
        self.spot.synchronise_clock(force=force)
        self.futures.synchronise_clock(force=force)

    def wire_now_ms(self) -> int:
        """Return the spot site's time in ms."""
        return self.spot.wire_now_ms()

    def key_report(self) -> KeyReport:
        """Return where the key trades; ExchangeAuthenticationError where neither site knows it."""
        refusals: list[ExchangeAuthenticationError] = []
        can_trade = []
        for site in (self.spot, self.futures):
            try:
                can_trade.append(site.can_trade())
            except ExchangeAuthenticationError as refusal:
                refusals.append(refusal)
                can_trade.append(False)
        if len(refusals) == len(can_trade):
            raise refusals[0]
        return KeyReport(
            can_read=True,
            can_trade_spot=can_trade[0],
            can_trade_futures=can_trade[1],
            can_withdraw=False,
            can_transfer=False,
            can_transfer_to_subaccounts=False,
            is_ip_restricted=None,
        )
