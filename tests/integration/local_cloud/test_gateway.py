"""HTTP to payload 2.0 events and back, over real sockets, held to what API Gateway documents."""

from __future__ import annotations

import base64
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from aws_lambda_powertools.utilities.parser.models import APIGatewayProxyEventV2Model

from infra.local.cloud.gateway import MAX_BODY_BYTES, TokenBucket
from infra.local.cloud.gateway_events import http_event, http_response
from infra.local.cloud.routes import Match, find, routes_of
from infra.local.cloud.translate import TemplateError
from infra.local.cloud.wire import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.local.cloud import LocalCloud


@pytest.fixture
def web(cloud: LocalCloud) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=cloud.api_url, timeout=20) as client:
        yield client


def test_a_request_becomes_the_event_that_api_gateway_sends() -> None:
    request = Request(
        "POST",
        "/v1/bots%20all/7?limit=1&limit=2&empty=&text=a%20b",
        "HTTP/1.1",
        [
            ("Host", "127.0.0.1:8080"),
            ("Content-Type", "application/json"),
            ("Content-Length", "15"),
            ("X-Many", "one"),
            ("X-Many", "two"),
            ("Cookie", "a=1; b=2"),
            ("User-Agent", "test/1"),
            ("Connection", "keep-alive"),
            ("Authorization", "Bearer token"),
        ],
        b'{"name": "one"}',
        ("127.0.0.1", 51234),
    )
    match = Match("POST /v1/{proxy+}", "arn:some", 30.0, {"proxy": "bots all/7"})
    event = http_event(request, match, "httpapi000", at=1678701600.123)
    assert APIGatewayProxyEventV2Model.model_validate(event).body == '{"name": "one"}'
    request_id = event["requestContext"].pop("requestId")
    assert len(request_id) == 16
    assert event["headers"].pop("x-amzn-trace-id").startswith("Root=1-640ef420-")
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    assert event == {
        "version": "2.0",
        "routeKey": "POST /v1/{proxy+}",
        "rawPath": "/v1/bots all/7",
        "rawQueryString": "limit=1&limit=2&empty=&text=a%20b",
        "cookies": ["a=1", "b=2"],
        "headers": {
            "host": "127.0.0.1:8080",
            "content-type": "application/json",
            "content-length": "15",
            "x-many": "one,two",
            "user-agent": "test/1",
            "authorization": "Bearer token",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": "8080",
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"limit": "1,2", "empty": "", "text": "a b"},
        "pathParameters": {"proxy": "bots all/7"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "httpapi000",
            "domainName": "127.0.0.1:8080",
            "domainPrefix": "127",
            "http": {
                "method": "POST",
                "path": "/v1/bots all/7",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "test/1",
            },
            "routeKey": "POST /v1/{proxy+}",
            "stage": "$default",
            "time": "13/Mar/2023:10:00:00 +0000",
            "timeEpoch": 1678701600123,
        },
        "body": '{"name": "one"}',
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize(
    ("content_type", "body", "is_encoded"),
    [
        ("application/json", b'{"a": 1}', False),
        ("application/json; charset=utf-8", b"{}", False),
        ("application/problem+json", b"{}", True),
        (None, b"{}", True),
        ("text/csv", b"a,b", False),
        ("application/x-www-form-urlencoded", b"a=1", True),
        ("application/octet-stream", b"\x00\x01", True),
        ("application/json", b"\xff\xfe", True),
    ],
)
def test_bodies_that_are_no_text_are_base64(
    web: httpx.Client, content_type: str | None, body: bytes, *, is_encoded: bool
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    event = web.post("/anything", content=body, headers=headers).json()
    assert event["isBase64Encoded"] is is_encoded
    received = base64.b64decode(event["body"]) if is_encoded else event["body"].encode()
    assert received == body


def test_a_get_has_no_body_and_no_parameters_where_there_are_none(web: httpx.Client) -> None:
    event = web.get("/v1/health").json()
    assert not {"body", "cookies", "queryStringParameters", "pathParameters"} & event.keys()
    assert event["routeKey"] == "$default"
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"
    assert APIGatewayProxyEventV2Model.model_validate(event).rawPath == "/v1/health"


def test_routes_are_taken_by_how_specific_they_are(web: httpx.Client) -> None:
    event = web.post("/things/7").json()
    assert event["routeKey"] == "POST /things/{id}"
    assert event["pathParameters"] == {"id": "7"}
    assert web.get("/things/7").json()["routeKey"] == "$default"
    assert web.post("/things/7/parts").json()["routeKey"] == "$default"


def test_status_headers_and_cookies_come_back(web: httpx.Client) -> None:
    answer = web.get("/cookies")
    assert answer.status_code == 201
    assert answer.headers["x-made"] == "yes"
    assert answer.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2"]
    assert answer.text == "made"
    assert answer.headers["content-type"] == "text/plain;charset=UTF-8"


def test_base64_results_are_bytes_and_plain_results_are_inferred(web: httpx.Client) -> None:
    assert web.get("/binary").content == bytes(range(256))
    inferred = web.get("/inferred")
    assert inferred.status_code == 200
    assert inferred.json() == {"hello": "world"}
    assert inferred.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/fails", "/nonsense"])
def test_a_function_that_fails_or_answers_nonsense_is_a_500(web: httpx.Client, path: str) -> None:
    answer = web.get(path)
    assert answer.status_code == 500
    assert answer.json() == {"message": "Internal Server Error"}


def test_an_integration_that_takes_too_long_is_a_503_and_the_function_goes_on(
    cloud: LocalCloud, web: httpx.Client
) -> None:
    began = time.monotonic()
    answer = web.get("/slow")
    assert 0.3 <= time.monotonic() - began < 3
    assert answer.status_code == 503
    assert answer.json() == {"message": "Service Unavailable"}


def test_a_body_over_ten_mebibytes_is_a_413(web: httpx.Client) -> None:
    answer = web.post("/anything", content=b"x" * (MAX_BODY_BYTES + 1), headers={"content-type": "text/plain"})
    assert answer.status_code == 413
    assert answer.json() == {"message": "Request Entity Too Large"}


def test_an_event_that_does_not_fit_into_an_invocation_is_a_413(web: httpx.Client) -> None:
    answer = web.post("/anything", content=b"x" * 7_000_000, headers={"content-type": "text/plain"})
    assert answer.status_code == 413


def test_head_has_no_body_and_options_reaches_the_function(web: httpx.Client) -> None:
    head = web.head("/v1/health")
    assert head.status_code == 200
    assert head.content == b""
    assert web.options("/v1/health").json()["requestContext"]["http"]["method"] == "OPTIONS"
    assert web.get("/v1/health").status_code == 200, "the connection is still in step"


def test_a_chunked_body_arrives_whole(web: httpx.Client) -> None:
    pieces = (b'{"name":', b' "one"}')
    event = web.post("/anything", content=iter(pieces), headers={"content-type": "application/json"}).json()
    assert json.loads(event["body"]) == {"name": "one"}
    assert event["headers"]["content-length"] == "15"
    assert "transfer-encoding" not in event["headers"]


def test_what_is_no_http_is_a_400(cloud: LocalCloud) -> None:
    port = int(cloud.api_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"hello\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_many_requests_at_once_are_all_answered(cloud: LocalCloud) -> None:
    def one(number: int) -> str:
        answer: str = httpx.get(f"{cloud.api_url}/n", params={"n": number}).json()["rawQueryString"]
        return answer

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(one, range(36))) == [f"n={number}" for number in range(36)]


def test_a_stage_lets_its_burst_pass_and_then_its_rate() -> None:
    bucket = TokenBucket(rate=20, burst=3)
    assert [bucket.take() for _ in range(5)] == [True, True, True, False, False]
    time.sleep(0.06)
    assert bucket.take()
    assert not bucket.take()


def api(path: str, method: str = "get", **integration: Any) -> dict[str, Any]:
    """Return an API with one route."""
    uri = "arn:aws:apigateway:r:lambda:path/2015-03-31/functions/arn:aws:lambda:r:1:function:f/invocations"
    whole = {"type": "aws_proxy", "uri": uri, "payloadFormatVersion": "2.0", **integration}
    return {"Body": {"paths": {path: {method: {"x-amazon-apigateway-integration": whole}}}}}


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        ({}, "without a Body"),
        (api("/x", payloadFormatVersion="1.0"), "payload format 2.0"),
        (api("/x", uri="https://elsewhere"), "names no function"),
    ],
)
def test_an_api_that_could_not_be_served_as_on_aws_is_refused(definition: dict[str, Any], reason: str) -> None:
    with pytest.raises(TemplateError, match=reason):
        routes_of(definition)


def test_a_route_without_a_match_is_none_of_ours() -> None:
    routes = routes_of(api("/x/{id}"))
    assert find(routes, "GET", "/y") is None
    assert find(routes, "POST", "/x/1") is None
    assert find(routes, "GET", "/x/1/2") is None


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": 999},
        {"statusCode": 200, "isBase64Encoded": True, "body": "not base64!"},
        {"statusCode": 200, "headers": {"x": "a\r\nset-cookie: b"}},
    ],
)
def test_results_that_api_gateway_would_not_pass_on_are_refused(result: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"status code|base64|more than one line"):
        http_response(json.dumps(result).encode())
