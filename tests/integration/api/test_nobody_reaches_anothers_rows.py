"""Every route that takes an id, with another user's, a deleted and a random one: the same 404, and nothing changes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from mangum import Mangum
from sqlalchemy import event, true
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, ClauseElement

from tests.integration.api.bodies import backtest_body, bot_body, key_body
from tradebot.bootstrap.api import api_use_cases
from tradebot.repositories.database_errors import translated_session
from tradebot.repositories.session import make_engine
from tradebot.settings import Settings
from tradebot_api.app import TEXT_MIME_TYPES, create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

    from tests.fixtures.database import TestDatabase
    from tests.integration.api.backstage import Backstage
    from tests.integration.api.cloud import Cloud
    from tests.integration.api.gateway import Answer, Client

RANDOM_ID = 2_000_000_011


@dataclass(frozen=True)
class Route:
    """How a route names what belongs to somebody."""

    kind: str
    body: dict[str, Any] | None = None
    #: Where the id is no part of the path: the query parameter, or the field of the body.
    query: str | None = None
    body_field: str | None = None
    status: int = 404
    query_values: dict[str, object] = field(default_factory=dict)


#: Every operation of the OpenAPI document. None: it takes no id of anything.
ROUTES: dict[str, Route | None] = {
    "getHealth": None,
    "register": None,
    "logIn": None,
    "verifyAddress": None,
    "refreshSession": None,
    "logOut": None,
    "logOutEverywhere": None,
    "forgotPassword": None,
    "resetPassword": None,
    "getMe": None,
    "updateMe": None,
    "changePassword": None,
    "changeAddress": None,
    "deleteAccount": None,
    "getNotifications": None,
    "updateNotifications": None,
    "setWebhook": None,
    "deleteWebhook": None,
    "testWebhook": None,
    "listAuditEvents": None,
    "createApiKey": None,
    "listApiKeys": None,
    "getApiKey": Route("key"),
    "updateApiKey": Route("key", body={"label": "taken over"}),
    "replaceApiKey": Route("spare key", body={"api_key": "a" * 20, "secret_key": "b" * 20}),
    "checkApiKey": Route("key"),
    "deleteApiKey": Route("key"),
    "createBotConfig": Route("key", body=bot_body(), body_field="api_key_id", status=422),
    "listBotConfigs": None,
    "getBotConfig": Route("bot"),
    "updateBotConfig": Route("bot", body={"name": "taken over"}),
    "deleteBotConfig": Route("bot"),
    "cloneBotConfig": Route("bot", body={"name": "taken over"}),
    "startBot": Route("bot"),
    "stopBot": Route("bot"),
    "listBotStates": None,
    "getBotState": Route("bot"),
    "listTrades": Route("bot", query="bot_config_id"),
    "getBotReport": Route("bot"),
    "createBacktest": None,
    "createBotBacktest": Route(
        "bot", body={"start_date": "2023-01-01", "end_date": "2023-02-01", "initial_capital": "1000"}
    ),
    "listBacktests": None,
    "getBacktest": Route("backtest"),
    "cancelBacktest": Route("backtest"),
    "deleteBacktest": Route("backtest"),
    "getBacktestResults": Route("backtest"),
    "getBacktestTrades": Route("backtest"),
    "getBacktestDays": Route("backtest"),
    "getBacktestMonths": Route("backtest"),
    "getBacktestReport": Route("backtest"),
    "listBotOrders": Route("bot"),
    "listBotTransfers": Route("bot"),
    "listBotFindings": Route("bot"),
    "setBotKillSwitch": Route("bot", body={"reason": "mine now", "position": "close"}),
    "clearBotKillSwitch": Route("bot"),
    "emergencyCloseBot": Route("bot"),
    "getUserKillSwitch": None,
    "setUserKillSwitch": None,
    "clearUserKillSwitch": None,
    "emergencyCloseAllBots": None,
    "compareBacktest": Route("backtest"),
}
DOCUMENT: dict[str, Any] = create_app().openapi()
OPERATIONS: dict[str, tuple[str, str]] = {
    operation["operationId"]: (method.upper(), path)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
WITH_ID = [name for name, route in ROUTES.items() if route is not None]


def test_every_operation_has_an_entry() -> None:
    assert ROUTES.keys() == OPERATIONS.keys()


def test_every_path_with_an_id_has_a_route() -> None:
    assert {name for name, (_, path) in OPERATIONS.items() if "{" in path} <= set(WITH_ID)


def ids_of(name: str) -> set[str]:
    """Return every place of an operation that takes an id: of the path, the query, the body."""
    operation = DOCUMENT["paths"][OPERATIONS[name][1]][OPERATIONS[name][0].lower()]
    found = {
        f"{parameter['in']} {parameter['name']}"
        for parameter in operation.get("parameters", [])
        if parameter["name"] == "id" or parameter["name"].endswith("_id")
    }
    if "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].values()
        properties = DOCUMENT["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]["properties"]
        found |= {f"body {field}" for field in properties if field == "id" or field.endswith("_id")}
    return found


#: Places that take an id beside the one of ROUTES, each with a test of its own below.
BESIDE = {"updateBotConfig": {"body api_key_id"}}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_place_that_takes_an_id_has_an_entry(name: str) -> None:
    route = ROUTES[name]
    entered = set()
    if route is not None:
        place = f"query {route.query}" if route.query else f"body {route.body_field}" if route.body_field else "path id"
        entered = {place}
    assert ids_of(name) - BESIDE.get(name, set()) == entered


@pytest.fixture
def bobs(bob: Client, backstage: Backstage, cloud: Cloud) -> dict[str, int]:
    """A key, an active bot with a trade, and a backtest with its files, of Bob."""
    key_id = bob.post("/v1/api-keys", key_body()).json["id"]
    backstage.mark_key(key_id)
    bot_id = bob.post("/v1/bot-configs", bot_body(api_key_id=key_id)).json["id"]
    assert bob.post(f"/v1/bot-runner/{bot_id}/start").status == 200
    backstage.run(
        "INSERT INTO trades (bot_config_id, user_id, binance_order_id, symbol, side, order_type, price,"
        " quantity_filled, quote_quantity_filled) VALUES (:bot, :user, :order, 'BTCUSDT', 'BUY', 'MARKET', 1, 1, 1)",
        bot=bot_id,
        user=bob.user["id"],
        order=f"testnet-spot:BTCUSDT:{bot_id}",
    )
    spare = bob.post("/v1/api-keys", key_body()).json["id"]
    backtest_id = bob.post("/v1/backtests", backtest_body()).json["id"]
    backstage.end_backtest(backtest_id)
    for name in ("trades.csv", "daily.csv", "monthly.csv", "report.html"):
        cloud.put_report(bob.user["id"], backtest_id, name, b"what Bob earned")
    return {"key": key_id, "bot": bot_id, "backtest": backtest_id, "spare key": spare}


@pytest.fixture
def deleted(alice: Client, backstage: Backstage) -> tuple[Client, dict[str, int]]:
    """Alice, and a key, a bot and a backtest that were hers."""
    ids = {
        "key": alice.post("/v1/api-keys", key_body()).json["id"],
        "bot": alice.post("/v1/bot-configs", bot_body()).json["id"],
        "backtest": alice.post("/v1/backtests", backtest_body()).json["id"],
    }
    backstage.end_backtest(ids["backtest"])
    assert alice.delete(f"/v1/backtests/{ids['backtest']}").status == 204
    ids["spare key"] = ids["key"]
    assert alice.delete(f"/v1/api-keys/{ids['key']}").status == 204
    assert alice.delete(f"/v1/bot-configs/{ids['bot']}").status == 204
    return alice, ids


def ask(client: Client, name: str, item_id: int) -> Answer:
    route = ROUTES[name]
    assert route is not None
    method, path = OPERATIONS[name]
    body = {**route.body, route.body_field: item_id} if route.body and route.body_field else route.body
    query = {route.query: item_id} if route.query else None
    return client.request(method, path.replace("{id}", str(item_id)), body, query=query)


@pytest.mark.parametrize("name", WITH_ID)
def test_anothers_a_deleted_and_a_random_id_answer_the_same(
    bob: Client, bobs: dict[str, int], deleted: tuple[Client, dict[str, int]], name: str, backstage: Backstage
) -> None:
    alice, gone = deleted
    route = ROUTES[name]
    assert route is not None
    before = rows_of(backstage, bob)
    problems = []
    for item_id in (bobs[route.kind], gone[route.kind], RANDOM_ID):
        problem = ask(alice, name, item_id).problem
        assert problem["status"] == route.status
        problem["instance"] = problem["instance"].replace(f"/{item_id}", "/ID")
        del problem["request_id"]
        problems.append(problem)
    assert problems[0] == problems[1] == problems[2]
    assert rows_of(backstage, bob) == before


@pytest.mark.parametrize("name", WITH_ID)
def test_the_owner_gets_another_answer_so_that_the_matrix_means_something(
    bob: Client, bobs: dict[str, int], name: str
) -> None:
    route = ROUTES[name]
    assert route is not None
    assert ask(bob, name, bobs[route.kind]).status not in {404, 422}


def test_a_bot_is_not_moved_onto_anothers_key(alice: Client, bobs: dict[str, int]) -> None:
    bot_id = alice.post("/v1/bot-configs", bot_body()).json["id"]
    answers = [alice.patch(f"/v1/bot-configs/{bot_id}", {"api_key_id": key}) for key in (bobs["key"], RANDOM_ID)]
    assert [answer.problem["errors"] for answer in answers] == [
        [{"field": "api_key_id", "rule": "known_api_key", "message": "There is no such API key."}]
    ] * 2


@pytest.fixture
def past_row_level_security(
    api_database: TestDatabase, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    """Alice on a connection that row level security does not bind: what the queries themselves hold back."""
    engine = make_engine(Settings({"DATABASE_URL": api_database.superuser_url}))
    monkeypatch.setattr("tradebot.bootstrap.api.open_session", lambda: partial(translated_session, engine))
    app = create_app(api_use_cases.__wrapped__())
    yield dataclasses.replace(alice, handler=Mangum(app, lifespan="off", text_mime_types=TEXT_MIME_TYPES))
    engine.dispose()


@pytest.mark.parametrize("name", WITH_ID)
def test_the_queries_name_the_user_themselves(
    past_row_level_security: Client, bob: Client, bobs: dict[str, int], name: str, backstage: Backstage
) -> None:
    route = ROUTES[name]
    assert route is not None
    before = rows_of(backstage, bob)
    assert ask(past_row_level_security, name, bobs[route.kind]).problem["status"] == route.status
    assert rows_of(backstage, bob) == before


class Unfiltered:
    """Takes every condition on the user out of what an engine is about to send."""

    def __init__(self, engine: Engine) -> None:
        self.count = 0
        event.listen(engine, "before_execute", self._strip, retval=True)

    def _strip(self, _connection: object, statement: Any, many: Any, one: Any, _options: object) -> Any:
        if isinstance(statement, ClauseElement):
            statement = visitors.replacement_traverse(statement, {}, self._without_user)
        return statement, many, one

    def _without_user(self, element: Any, **_: object) -> Any:
        if not isinstance(element, BinaryExpression) or element.operator is not operators.eq:
            return None
        column = getattr(element.left, "name", None)
        table = getattr(getattr(element.left, "table", None), "name", None)
        is_user = column == "user_id" or (column, table) == ("id", "users")
        if not is_user or not isinstance(element.right, BindParameter):
            return None
        self.count += 1
        return true()


@pytest.fixture
def unfiltered(
    api_database: TestDatabase, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], tuple[Client, Unfiltered]]]:
    """Alice, as a role of the database, with queries that name no user."""
    engines = []

    def make(role: str) -> tuple[Client, Unfiltered]:
        settings = Settings({"DATABASE_URL": api_database.superuser_url}) if role == "superuser" else None
        engine = make_engine(settings or api_database.settings(role))
        engines.append(engine)
        monkeypatch.setattr("tradebot.bootstrap.api.open_session", lambda: partial(translated_session, engine))
        app = create_app(api_use_cases.__wrapped__())
        client = dataclasses.replace(alice, handler=Mangum(app, lifespan="off", text_mime_types=TEXT_MIME_TYPES))
        return client, Unfiltered(engine)

    yield make
    for engine in engines:
        engine.dispose()


def test_row_level_security_holds_by_itself_where_no_query_names_the_user(
    unfiltered: Callable[[str], tuple[Client, Unfiltered]], bob: Client, bobs: dict[str, int], backstage: Backstage
) -> None:
    client, stripped = unfiltered("app_api")
    before = rows_of(backstage, bob)
    for name in WITH_ID:
        route = ROUTES[name]
        assert route is not None
        count = stripped.count
        assert ask(client, name, bobs[route.kind]).problem["status"] == route.status, name
        assert stripped.count > count, f"{name} sent no condition on the user that could be taken out"
    for path in LISTS:
        assert client.get(path).json == {"items": [], "next_cursor": None}, path
    assert rows_of(backstage, bob) == before


def test_without_either_everything_is_open_so_that_the_test_above_means_something(
    unfiltered: Callable[[str], tuple[Client, Unfiltered]], bob: Client, bobs: dict[str, int]
) -> None:
    client, _ = unfiltered("superuser")
    assert client.get(f"/v1/bot-configs/{bobs['bot']}").json["id"] == bobs["bot"]
    assert client.get("/v1/bot-configs").json["items"] != []


def is_list(operation: Any) -> bool:
    """Tell whether it answers a page."""
    contents = operation["responses"].get("200", {}).get("content", {}).values()
    return any(content["schema"].get("$ref", "").endswith("Page") for content in contents)


#: Every list of the document that is not of one bot or backtest: those are routes with an id.
LISTS = [
    path
    for path, operations in DOCUMENT["paths"].items()
    if "{" not in path and "get" in operations and is_list(operations["get"])
]


def test_the_lists_of_the_document_are_found() -> None:
    assert {"/v1/api-keys", "/v1/trades", "/v1/audit-events"} < set(LISTS)


@pytest.mark.parametrize("path", LISTS)
def test_lists_hold_ones_own_alone(alice: Client, bob: Client, bobs: dict[str, int], path: str) -> None:
    assert alice.get(path).json == {"items": [], "next_cursor": None}
    assert bob.get(path).json["items"]


@pytest.mark.parametrize("path", LISTS)
def test_lists_name_the_user_themselves(past_row_level_security: Client, bobs: dict[str, int], path: str) -> None:
    assert past_row_level_security.get(path).json == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("path", LISTS)
def test_without_a_token_a_list_is_refused(anybody: Client, path: str) -> None:
    assert anybody.get(path).problem["status"] == 401


@pytest.fixture
def many_bots(new_user: Callable[[], Client]) -> Client:
    """A user with seven bots."""
    client = new_user()
    for number in range(7):
        assert client.post("/v1/bot-configs", bot_body(name=f"bot {number}")).status == 201
    return client


@pytest.mark.parametrize("path", ["/v1/bot-configs", "/v1/bot-states"])
def test_pages_give_every_row_once_newest_first(many_bots: Client, path: str) -> None:
    seen: list[int] = []
    query: dict[str, object] = {"limit": 3}
    sizes = []
    while True:
        page = many_bots.get(path, **query).json
        sizes.append(len(page["items"]))
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert sizes == [3, 3, 1]
    assert seen == sorted(set(seen), reverse=True)


def test_a_page_that_is_just_full_has_no_next(many_bots: Client) -> None:
    assert many_bots.get("/v1/bot-configs", limit=7).json["next_cursor"] is None


def rows_of(backstage: Backstage, user: Client) -> Any:
    return backstage.value(
        "SELECT jsonb_build_array((SELECT jsonb_agg(k ORDER BY id) FROM api_keys k WHERE user_id = :id),"
        " (SELECT jsonb_agg(c ORDER BY id) FROM bot_configs c WHERE user_id = :id),"
        " (SELECT jsonb_agg(s ORDER BY id) FROM bot_states s WHERE user_id = :id),"
        " (SELECT jsonb_agg(t ORDER BY id) FROM trades t WHERE user_id = :id),"
        " (SELECT jsonb_agg(b ORDER BY id) FROM backtests b WHERE user_id = :id))",
        id=user.user["id"],
    )
