"""What posts to URLs of users reaches the public internet and nothing else, and nothing that hangs keeps it up."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures.webhook_receiver import HOST, PUBLIC
from tradebot.security.secret import Secret
from tradebot.security.webhook_signatures import sign
from tradebot.services.post_webhooks import PostWebhooks, system_resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fixtures.webhook_receiver import Receiver

SECRET = Secret("whsec_c2l4dGVlbi1ieXRlcy1vZi1zZWNyZXQ=")


def delivery(path: str = "/ok", *, host: str = HOST, message_id: str = "m1") -> dict[str, Any]:
    now, body = int(time.time()), '{"text":"ümlaut"}'
    signature = sign(SECRET, message_id=message_id, timestamp=now, body=body)
    headers = {"webhook-id": message_id, "webhook-timestamp": str(now), "webhook-signature": signature}
    return {"id": message_id, "url": f"https://{host}{path}", "headers": headers, "body": body}


def errors(post: PostWebhooks, *deliveries: dict[str, Any]) -> list[str | None]:
    return [one["error"] for one in post({"deliveries": list(deliveries)})["results"]]


def test_a_message_arrives_signed_at_the_address_that_was_judged(receiver: Receiver) -> None:
    receiver.knows(SECRET.reveal())
    assert errors(receiver.poster(), delivery("/ok?to=me")) == [None]
    assert receiver.received() == [["/ok?to=me", HOST, "m1", {"text": "ümlaut"}]]
    assert (receiver.looked_up, receiver.connected) == ([HOST], [PUBLIC])


def test_whoever_changes_a_message_or_sends_an_old_one_is_found_out(receiver: Receiver) -> None:
    receiver.knows(SECRET.reveal())
    changed, old, other = delivery(), delivery(message_id="m2"), delivery(message_id="m3")
    changed["body"] = '{"text":"pay me"}'
    old["headers"]["webhook-timestamp"] = str(int(time.time()) - 3600)
    other["headers"]["webhook-id"] = "m4"
    errors(receiver.poster(), changed, old, other)
    assert sorted(one[2] for one in receiver.received()) == [
        "ValueError('too old, or from the future')",
        "ValueError('wrong signature')",
        "ValueError('wrong signature')",
    ]


def test_what_hangs_drips_or_never_ends_keeps_no_other_message_up(receiver: Receiver) -> None:
    receiver.knows(SECRET.reveal())
    began = time.monotonic()
    paths = ["/hang", "/drip", "/ok", "/endless", "/fail", "/redirect"]
    found = errors(
        receiver.poster(total_seconds=1.0), *(delivery(path, message_id=str(n)) for n, path in enumerate(paths))
    )
    assert time.monotonic() - began < 4
    assert found == [
        "No answer in time.",
        "No answer in time.",
        None,
        None,
        "The host answered 500.",
        "The host answered 307; redirects are not followed.",
    ]
    assert [one[0] for one in receiver.received() if one[0] == "/ok"] == ["/ok"], "the redirect's target got nothing"


def test_a_handshake_that_never_comes_ends_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        post = PostWebhooks(
            resolve=lambda _: [PUBLIC],
            connect=lambda _, __, seconds: socket.create_connection(silent.getsockname(), seconds),
            total_seconds=0.5,
        )
        assert errors(post, delivery()) == ["No answer in time."]


def test_a_lookup_that_hangs_is_left_behind() -> None:
    def slow(_: str) -> Sequence[str]:
        time.sleep(4)
        return [PUBLIC]

    began = time.monotonic()
    assert errors(PostWebhooks(resolve=slow, total_seconds=0.0), delivery()) == ["No answer in time."]
    assert time.monotonic() - began < 3.5


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.7"],
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:93.184.215.14"],
        ["fd00:ec2::254"],
        ["64:ff9b::a00:7"],
        [PUBLIC, "10.0.0.7"],
        ["2606:2800:21f:cb07:6820:80da:af6b:8b2c", "fe80::1"],
        [],
        ["not an address"],
    ],
    ids=str,
)
def test_a_host_with_any_address_that_is_not_public_is_never_connected_to(addresses: list[str]) -> None:
    def connect(*_: object) -> socket.socket:
        raise AssertionError("connected")

    post = PostWebhooks(resolve=lambda _: addresses, connect=connect)
    assert errors(post, delivery()) == ["The host has an address that is not public."]


def test_a_name_that_means_another_place_at_the_next_look_is_looked_up_once_a_message(receiver: Receiver) -> None:
    receiver.knows(SECRET.reveal())
    answers = iter([[PUBLIC], ["169.254.169.254"], [PUBLIC]])

    def rebinding(host: str) -> Sequence[str]:
        receiver.looked_up.append(host)
        return next(answers)

    post = receiver.poster(resolve=rebinding)
    assert errors(post, delivery()) == [None]
    assert errors(post, delivery()) == ["The host has an address that is not public."]
    assert errors(post, delivery()) == [None]
    assert receiver.connected == [PUBLIC, PUBLIC]
    assert len(receiver.looked_up) == 3


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "2130706433", "169.254.169.254", "db.internal"])
def test_a_url_that_was_stored_somehow_is_judged_again(host: str) -> None:
    def resolve(_: str) -> Sequence[str]:
        raise AssertionError("looked up")

    (error,) = errors(PostWebhooks(resolve=resolve), delivery(host=host))
    assert error is not None
    assert "public host" in error


def test_a_certificate_of_nobody_or_of_another_host_is_refused(receiver: Receiver) -> None:
    receiver.knows(SECRET.reveal())
    (untrusted,) = errors(receiver.poster(tls=ssl.create_default_context()), delivery())
    (other,) = errors(receiver.poster(), delivery(host="other.example.com"))
    assert untrusted == "The host's certificate is not accepted: self-signed certificate."
    assert other is not None
    assert "certificate is not accepted" in other
    assert receiver.received() == []


def test_the_products_own_lookup_finds_this_machine_private() -> None:
    assert system_resolve("localhost")
    post = PostWebhooks(resolve=lambda _: system_resolve("localhost"))
    assert errors(post, delivery()) == ["The host has an address that is not public."]
    assert errors(PostWebhooks(), delivery(host="nowhere.example.com"))[0] is not None


def test_nothing_to_post_is_no_error() -> None:
    assert PostWebhooks()({"deliveries": []}) == {"results": []}
