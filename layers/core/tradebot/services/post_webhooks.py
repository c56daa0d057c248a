"""Post messages to URLs that users gave. Runs where there is nothing to reach but the public internet.

The function that does this stands outside the network, and has neither a database nor a right besides its log. And yet
it looks each host up once, refuses one that has an address which is not public, and connects to the very address that
it has judged: a name that is looked up again may mean another place by then.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tradebot.observability import count, logger
from tradebot.security.public_addresses import is_public_address
from tradebot.security.webhook_delivery import Delivery, DeliveryResult, parse_webhook_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

CONNECT_SECONDS = 3.0
#: From the connection's beginning to the answer's status, however slowly it drips.
TOTAL_SECONDS = 8.0
#: A lookup cannot be interrupted, so it is left behind when its time is over.
GRACE_SECONDS = 2.0
#: Addresses of a host that are tried.
MAX_ADDRESSES = 2
_PORT = 443
_SUCCESS = range(200, 300)
_REDIRECT = range(300, 400)


class _NotPostedError(Exception):
    """Why a message did not arrive, in words for the webhook's owner."""


def system_resolve(host: str) -> Sequence[str]:
    """Return the addresses of a host, IPv4 first: functions have no IPv6 of their own."""
    found = {entry[4][0] for entry in socket.getaddrinfo(host, _PORT, type=socket.SOCK_STREAM)}
    return sorted((str(address) for address in found), key=lambda address: (":" in address, address))


def system_connect(address: str, port: int, timeout_seconds: float) -> socket.socket:
    """Return a connection to an address, which is no name and is not looked up."""
    return socket.create_connection((address, port), timeout_seconds)


@dataclass(frozen=True, slots=True)
class PostWebhooks:
    """All at once: none waits for another. Tests give another lookup and another wire; the rule stays the same."""

    resolve: Callable[[str], Sequence[str]] = system_resolve
    connect: Callable[[str, int, float], socket.socket] = system_connect
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    total_seconds: float = TOTAL_SECONDS

    def __call__(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Post `{"deliveries": [{"id", "url", "headers", "body"}]}`; return `{"results": [{"id", "error"}]}`."""
        deliveries = [Delivery(**one) for one in event["deliveries"]]
        if not deliveries:
            return {"results": []}
        pool = ThreadPoolExecutor(len(deliveries))
        try:
            tasks = {pool.submit(self._post, one): one for one in deliveries}
            done, _ = wait(tasks, self.total_seconds + GRACE_SECONDS)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        late = "No answer in time."
        results = [DeliveryResult(one.id, task.result() if task in done else late) for task, one in tasks.items()]
        count("WebhooksPosted", sum(result.error is None for result in results))
        count("WebhooksRefused", sum(result.error is not None for result in results))
        return {"results": [asdict(result) for result in results]}

    def _post(self, delivery: Delivery) -> str | None:
        """Return None where the receiver took it, else why not. No error escapes: it would hide the others' results."""
        try:
            self._request(delivery)
        except _NotPostedError as error:
            return str(error)
        except ssl.SSLCertVerificationError as error:
            return f"The host's certificate is not accepted: {error.verify_message}."
        except (OSError, http.client.HTTPException) as error:
            return "No answer in time." if isinstance(error, TimeoutError) else "The host did not answer as HTTPS does."
        except Exception:  # noqa: BLE001  see above: the other messages have their results
            logger().exception("webhook not posted", extra={"message_id": delivery.id})
            return "It could not be sent."
        return None

    def _request(self, delivery: Delivery) -> None:
        try:
            address = parse_webhook_url(delivery.url)
        except ValueError as error:
            raise _NotPostedError(str(error)) from error
        connection = self._connection(self._judged(address.host))
        with closing(
            self.tls.wrap_socket(connection, server_hostname=address.host, do_handshake_on_connect=False)
        ) as line:
            status = self._exchange(line, address.host, address.target, delivery)
        if status in _REDIRECT:
            raise _NotPostedError(f"The host answered {status}; redirects are not followed.")
        if status not in _SUCCESS:
            raise _NotPostedError(f"The host answered {status}.")

    def _judged(self, host: str) -> Sequence[str]:
        try:
            addresses = self.resolve(host)
        except OSError as error:
            raise _NotPostedError("The host's name is not known.") from error
        # One that is not public among several is no accident.
        if not addresses or not all(is_public_address(address) for address in addresses):
            raise _NotPostedError("The host has an address that is not public.")
        return addresses[:MAX_ADDRESSES]

    def _connection(self, addresses: Sequence[str]) -> socket.socket:
        for address in addresses:
            try:
                return self.connect(address, _PORT, CONNECT_SECONDS)
            except OSError:
                continue
        raise _NotPostedError("The host cannot be reached on port 443.")

    def _exchange(self, line: ssl.SSLSocket, host: str, target: str, delivery: Delivery) -> int:
        """Send the message and return the status. The answer's body is not read: nothing of it is shown to anybody."""
        is_late = threading.Event()
        # Ending it from here ends whatever waits: a timeout of the socket alone begins anew with each byte.
        watchdog = threading.Timer(self.total_seconds, _end, [line, is_late])
        watchdog.start()
        try:
            line.do_handshake()
            connection = http.client.HTTPConnection(host, _PORT)
            connection.sock = line
            connection.request("POST", target, delivery.body.encode(), {**delivery.headers, "host": host})
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            if is_late.is_set():
                raise TimeoutError from error
            raise
        finally:
            watchdog.cancel()
        if is_late.is_set():
            # What was cut off may still read as an answer.
            raise TimeoutError
        return status


def _end(line: ssl.SSLSocket, is_late: threading.Event) -> None:
    is_late.set()
    # Not SSLSocket's own, which takes the connection away from whoever reads it. It may be closed already.
    with suppress(OSError):
        socket.socket.shutdown(line, socket.SHUT_RDWR)
