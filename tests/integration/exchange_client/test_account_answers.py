"""Positions, payments, transfers and restrictions are read exactly, page after page, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.integration.exchange_client.conftest import Canned, CannedServer, Clients, http
from tests.integration.exchange_client.requests_table import FLAT, SIGNED_AT_MS
from tradebot.errors import ConflictError, ExchangeUnavailableError
from tradebot.exchange.account_answers import restrictions_of, standing_of
from tradebot.exchange.answers import milliseconds_of
from tradebot.exchange.binance_spot import BinanceSpotClient, BinanceSpotTestnetClient
from tradebot.exchange.ccxt_client import make_wallet
from tradebot.exchange.transport import Venue

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
RESTRICTIONS: dict[str, Any] = {
    "ipRestrict": False,
    "createTime": 1698645219000,
    "enableReading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "enableMargin": False,
    "enableFutures": True,
    "permitsUniversalTransfer": True,
    "enableVanillaOptions": False,
    "enableFixApiTrade": False,
    "enableFixReadOnly": True,
    "enableSpotAndMarginTrading": False,
    "enablePortfolioMarginTrading": False,
    "tradingAuthorityExpirationTime": 1798761600000,
}


def parameters(server: CannedServer, number: int) -> dict[str, str]:
    return dict(parse_qsl(server.requests[number][0].split()[1].partition("?")[2]))


def payments(first_at: datetime, count: int) -> Canned:
    rows = [
        {
            "symbol": "BTCUSDT",
            "incomeType": "FUNDING_FEE",
            "income": "-0.37500000",
            "asset": "USDT",
            "info": "FUNDING_FEE",
            "time": milliseconds_of(first_at + number * timedelta(hours=8)),
            "tranId": 9689322392 + number,
            "tradeId": "",
        }
        for number in range(count)
    ]
    return http(200, rows)


def test_funding_is_read_over_as_many_pages_as_it_takes(canned_server: CannedServer, clients: Clients) -> None:
    second_at = SINCE + 1_000 * timedelta(hours=8)
    canned_server.play(payments(SINCE, 1_000), payments(second_at, 3))
    found = clients.fresh("futures").funding_payments("BTCUSDT", SINCE)
    assert len(found) == 1_003
    assert [one.paid_at for one in found] == [SINCE + number * timedelta(hours=8) for number in range(1_003)]
    assert {one.amount for one in found} == {Decimal("-0.375")}
    assert canned_server.connections == 2
    asked = parameters(canned_server, 1)
    assert int(asked["startTime"]) == milliseconds_of(SINCE + 999 * timedelta(hours=8)) + 1
    assert (asked["incomeType"], asked["limit"]) == ("FUNDING_FEE", "1000")


def transfers(first: int, count: int, total: int) -> Canned:
    rows = [
        {
            "asset": "USDT" if number % 2 else "BNB",
            "amount": "1.50",
            "type": "MAIN_UMFUTURE",
            "status": "CONFIRMED",
            "tranId": 11415955596 + number,
            "timestamp": milliseconds_of(SINCE) + 1_000 * number,
        }
        for number in range(first + count - 1, first - 1, -1)
    ]
    return http(200, {"total": total, "rows": rows})


def test_transfers_of_one_asset_come_oldest_first_over_all_pages(canned_server: CannedServer, clients: Clients) -> None:
    canned_server.play(transfers(20, 100, 120), transfers(0, 20, 120))
    wallet = clients.fresh("spot")
    assert isinstance(wallet, BinanceSpotClient)
    found = wallet.transfers_to_futures("USDT", SINCE)
    assert [one.transaction_id for one in found] == [str(11415955596 + number) for number in range(1, 120, 2)]
    assert {(one.amount, one.status) for one in found} == {(Decimal("1.5"), "CONFIRMED")}
    assert [parameters(canned_server, number)["current"] for number in (0, 1)] == ["1", "2"]


@pytest.mark.parametrize("body", [{"total": 0}, {"total": 0, "rows": []}])
def test_an_account_that_never_transferred_has_none(
    body: dict[str, Any], canned_server: CannedServer, clients: Clients
) -> None:
    canned_server.play(http(200, body))
    wallet = clients.fresh("spot")
    assert isinstance(wallet, BinanceSpotClient)
    assert wallet.transfers_to_futures("USDT", SINCE) == ()
    canned_server.play(http(200, {"total": 3}))
    with pytest.raises(ExchangeUnavailableError):
        wallet.transfers_to_futures("USDT", SINCE)


def test_the_testnet_transfers_nothing_and_says_what_to_do(canned_server: CannedServer) -> None:
    canned_server.play(http(500))
    wallet = make_wallet(Venue(canned_server.url), "testnet", api_key="a", secret_key="b")
    assert isinstance(wallet, BinanceSpotTestnetClient)
    with pytest.raises(ConflictError, match="faucet"):
        wallet.transfer_to_futures("USDT", Decimal(1), SIGNED_AT_MS)
    assert wallet.transfers_to_futures("USDT", SINCE) == ()
    assert canned_server.connections == 0


def test_restrictions_are_read_one_by_one() -> None:
    report = restrictions_of(RESTRICTIONS)
    assert (report.can_read, report.can_withdraw, report.can_trade) == (True, False, True)
    assert (report.can_trade_spot, report.can_trade_futures) == (False, True)
    assert (report.can_transfer, report.can_transfer_to_subaccounts, report.is_ip_restricted) == (True, False, False)
    assert report.expires_at == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_key_with_an_ip_list_has_no_expiry() -> None:
    body = {name: value for name, value in RESTRICTIONS.items() if name != "tradingAuthorityExpirationTime"}
    assert restrictions_of(body).expires_at is None


@pytest.mark.parametrize("name", [name for name in RESTRICTIONS if name.startswith(("enableW", "enableR", "ipR"))])
@pytest.mark.parametrize("value", ["true", 1, None])
def test_a_restriction_that_is_not_yes_or_no_is_none(name: str, value: object) -> None:
    with pytest.raises(ExchangeUnavailableError):
        restrictions_of({**RESTRICTIONS, name: value})


def test_what_an_entry_stands_on_is_read_from_one_answer_and_of_its_symbol_alone() -> None:
    row = {**FLAT, "positionAmt": "-0.500", "leverage": "7", "isolated": True, "maxNotional": "1.0E9"}
    assets = [{"asset": "USDT", "availableBalance": "12.5"}, {"asset": "BNB", "availableBalance": "0"}]
    body = {"assets": assets, "positions": [{**row, "symbol": "ETHUSDT", "leverage": "20"}, row]}
    standing = standing_of(body, "BTCUSDT")
    assert standing.free == {"USDT": Decimal("12.5"), "BNB": Decimal(0)}
    assert standing[1:] == (Decimal("-0.5"), 7, True, Decimal(1_000_000_000))
    with pytest.raises(ExchangeUnavailableError):
        standing_of(body, "XRPUSDT")
    hedged = {**body, "positions": [*body["positions"], {**row, "positionSide": "SHORT", "positionAmt": "-1"}]}
    with pytest.raises(ConflictError, match="one-way"):
        standing_of(hedged, "BTCUSDT")
