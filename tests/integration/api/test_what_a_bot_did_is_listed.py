"""What a bot did at the exchange, as its owner sees it: orders with their fills, transfers, findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.api.bodies import bot_body

if TYPE_CHECKING:
    from tests.integration.api.backstage import Backstage
    from tests.integration.api.gateway import Client


@pytest.fixture
def bot(alice: Client) -> int:
    bot_id: int = alice.post("/v1/bot-configs", bot_body()).json["id"]
    return bot_id


def add_order(backstage: Backstage, bot: int, number: int, leg: str, status: str) -> int:
    order_id: int = backstage.value(
        "INSERT INTO orders (user_id, bot_config_id, decision_key, leg, client_order_id, symbol, market_type, side,"
        " type, reason, quantity, status, executed_qty, last_error) VALUES ("
        "(SELECT user_id FROM bot_configs WHERE id = :bot), :bot, :key, :leg, :id, 'BTCUSDT', 'spot',"
        " 'BUY', 'MARKET', 'entry_signal', 2, :status, CASE WHEN :status = 'FILLED' THEN 2 ELSE 0 END,"
        " CASE WHEN :status = 'UNKNOWN' THEN 'no answer' END) RETURNING id",
        bot=bot,
        key=f"k{number}",
        leg=leg,
        id=f"tb1-{bot}-{number}",
        status=status,
    )
    return order_id


def add_fill(backstage: Backstage, bot: int, order: int, trade: int, asset: str) -> None:
    backstage.run(
        "INSERT INTO fills (user_id, order_id, bot_config_id, venue, account, symbol, trade_id, side, price, quantity,"
        " quote_quantity, commission, commission_asset, executed_at) VALUES ("
        "(SELECT user_id FROM bot_configs WHERE id = :bot), :order, :bot, 'live-spot', '1',"
        " 'BTCUSDT', :trade, 'BUY', 100, 1, 100, 0.1, :asset, '2026-11-22T10:05:00Z')",
        order=order,
        bot=bot,
        trade=f"{order}-{trade}",
        asset=asset,
    )


def test_orders_tell_their_state_their_reason_and_what_their_fills_add_up_to(
    alice: Client, bot: int, backstage: Backstage
) -> None:
    filled = add_order(backstage, bot, 1, "entry", "FILLED")
    add_order(backstage, bot, 2, "exit", "UNKNOWN")
    for trade, asset in enumerate(("BNB", "USDT")):
        add_fill(backstage, bot, filled, trade, asset)
    doubtful, entry = alice.get(f"/v1/bots/{bot}/orders").json["items"]
    assert (doubtful["status"], doubtful["last_error"], doubtful["fills"]) == ("UNKNOWN", "no answer", None)
    assert (entry["id"], entry["reason"], entry["leg"]) == (filled, "entry_signal", "entry")
    assert entry["fills"] == {
        "count": 2,
        "quantity": "2",
        "quote_quantity": "200",
        "commissions": [{"asset": "BNB", "amount": "0.1"}, {"asset": "USDT", "amount": "0.1"}],
        "first_at": "2026-11-22T10:05:00Z",
        "last_at": "2026-11-22T10:05:00Z",
    }


def test_orders_are_filtered_and_paged_each_once(alice: Client, bot: int, backstage: Backstage) -> None:
    ids = [
        add_order(backstage, bot, number, leg, status)
        for number, (leg, status) in enumerate([("entry", "FILLED"), ("stop", "NEW"), ("stop", "CANCELED")] * 3)
        if not (leg == "stop" and status == "NEW" and number > 1)
    ]
    seen: list[int] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = alice.get(f"/v1/bots/{bot}/orders", **query).json
        seen += [order["id"] for order in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == sorted(ids, reverse=True)
    stops = alice.get(f"/v1/bots/{bot}/orders", leg="stop", status="CANCELED").json["items"]
    assert len(stops) == 3
    assert {(order["leg"], order["status"]) for order in stops} == {("stop", "CANCELED")}
    assert alice.get(f"/v1/bots/{bot}/orders", status="LOST").problem["status"] == 422


def test_orders_are_filtered_by_side_symbol_and_time_and_asked_for_again_cheaply(
    alice: Client, bot: int, backstage: Backstage
) -> None:
    first, second, third = (add_order(backstage, bot, number, "entry", "FILLED") for number in range(3))
    backstage.run("UPDATE orders SET side = 'SELL', symbol = 'ETHUSDT' WHERE id = :id", id=second)
    for number, order in enumerate((first, second, third)):
        backstage.run(
            "UPDATE orders SET created_at = CAST(:at AS timestamptz) WHERE id = :id",
            at=f"2026-11-2{number}T10:00:00Z",
            id=order,
        )

    def found(**query: object) -> list[int]:
        return [order["id"] for order in alice.get(f"/v1/bots/{bot}/orders", **query).json["items"]]

    assert found(side="SELL") == found(symbol="ETHUSDT") == [second]
    assert found(side="BUY") == [third, first]
    assert found(since="2026-11-21T10:00:00Z", until="2026-11-22T10:00:00Z") == [second]
    for wrong in ({"side": "LEFT"}, {"symbol": "eth"}, {"since": "2026-11-21T10:00:00"}):
        assert alice.get(f"/v1/bots/{bot}/orders", **wrong).problem["status"] == 422
    known = alice.get(f"/v1/bots/{bot}/orders").headers["etag"]
    path = f"/v1/bots/{bot}/orders"
    assert alice.request("GET", path, headers={"if-none-match": known}).status == 304
    backstage.run("UPDATE orders SET status = 'CANCELED' WHERE id = :id", id=third)
    assert alice.request("GET", path, headers={"if-none-match": known}).status == 200


def test_transfers_are_listed_with_what_is_in_doubt(alice: Client, bot: int, backstage: Backstage) -> None:
    for number, (status, transaction) in enumerate([("DONE", "77"), ("UNKNOWN", None)]):
        backstage.run(
            "INSERT INTO transfers (user_id, bot_config_id, account, decision_key, asset, amount, status, signed_at_ms,"
            " transaction_id) VALUES (:user, :bot, :account, :key, 'USDT', 250, :status, 1, :transaction)",
            user=alice.user["id"],
            bot=bot,
            account=f"{bot}",
            key=f"k{number}",
            status=status,
            transaction=transaction,
        )
    items = alice.get(f"/v1/bots/{bot}/transfers").json["items"]
    assert [(one["status"], one["transaction_id"], one["amount"]) for one in items] == [
        ("UNKNOWN", None, "250"),
        ("DONE", "77", "250"),
    ]


def test_findings_are_listed_and_the_open_ones_alone_where_asked(alice: Client, bot: int, backstage: Backstage) -> None:
    for text, resolved in [("gone", "now()"), ("still so", "null")]:
        backstage.run(
            "INSERT INTO findings (user_id, bot_config_id, kind, text, resolved_at)"
            f" VALUES (:user, :bot, 'foreign_order', :text, {resolved})",
            user=alice.user["id"],
            bot=bot,
            text=text,
        )
    assert [one["text"] for one in alice.get(f"/v1/bots/{bot}/findings").json["items"]] == ["still so", "gone"]
    (still,) = alice.get(f"/v1/bots/{bot}/findings", open="true").json["items"]
    assert (still["text"], still["kind"], still["resolved_at"]) == ("still so", "foreign_order", None)
