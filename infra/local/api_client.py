"""A user of the HTTP API: what the demo, the live table and the replay ask of the product goes through here."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Self

import httpx

from infra.local.cloud.mailbox import read_mail

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

Json = dict[str, Any]
KEY_CHECK_SECONDS = 30.0
MAIL_SECONDS = 30.0
#: The one line of a mail that is a token.
TOKEN = re.compile(r"^[\w-]{43}$", re.MULTILINE)


class ApiError(Exception):
    """The API answered with a problem; the message is what it said, with the fields at fault."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        try:
            problem = response.json()
            fields = "; ".join(f"{error['field']}: {error['message']}" for error in problem.get("errors", []))
            # The gateway's own refusals (throttled, too large) are not problem details.
            said = f"{problem['title']}: {problem['detail']}" if "title" in problem else str(problem.get("message"))
            text = said + (f" ({fields})" if fields else "")
        except ValueError:
            text = response.text[:200]
        request = response.request
        super().__init__(f"{request.method} {request.url.path} answered {self.status}. {text}")


class ApiClient:
    """One user's session. It logs in anew where its access token has run out."""

    def __init__(self, api_url: str, email: str, password: str) -> None:
        self.email = email
        self._password = password
        self._http = httpx.Client(base_url=f"{api_url.rstrip('/')}/v1", timeout=35)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def register_or_log_in(self, mailbox: Path | None = None) -> None:
        """Log in; where the user is not known yet, register first, and confirm the address by the mail in `mailbox`."""
        try:
            self._log_in()
        except ApiError as error:
            is_new = error.status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}
            if not is_new or mailbox is None:
                raise
            self._request("POST", "/auth/register", {"email": self.email, "password": self._password})
            self._request("POST", "/auth/verify", {"token": self._mailed_token(mailbox)})
            self._log_in()

    def _mailed_token(self, mailbox: Path) -> str:
        deadline = time.monotonic() + MAIL_SECONDS
        while time.monotonic() < deadline:
            for mail in reversed(read_mail(mailbox)):
                found = TOKEN.search(mail["body"])
                if found and self.email in mail["to"]:
                    return found.group(0)
            time.sleep(0.05)
        raise TimeoutError(f"no mail to {self.email} arrived; see `make logs F=maintenance`")

    def _log_in(self) -> None:
        token = self._request("POST", "/auth/login", {"email": self.email, "password": self._password})
        self._http.headers["Authorization"] = f"Bearer {token['access_token']}"

    def _request(self, method: str, path: str, body: Json | None = None, query: Json | None = None) -> Any:
        response = self._http.request(method, path, json=body, params=query)
        if response.is_error:
            raise ApiError(response)
        return response.json() if response.content else None

    def call(self, method: str, path: str, body: Json | None = None, query: Json | None = None) -> Any:
        """Return the answer's JSON (None where it has no body). Raises ApiError."""
        try:
            return self._request(method, path, body, query)
        except ApiError as error:
            if error.status != httpx.codes.UNAUTHORIZED:
                raise
            self._log_in()
            return self._request(method, path, body, query)

    def listed(self, path: str, query: Json | None = None) -> list[Json]:
        """Return every item of a paged list."""
        items: list[Json] = []
        query = dict(query or {})
        while True:
            page = self.call("GET", path, query=query)
            items += page["items"]
            if not page.get("next_cursor"):
                return items
            query["cursor"] = page["next_cursor"]

    def checked_api_key(self, label: str, api_key: str, secret_key: str) -> Json:
        """Return the key of this label, created where it is not there, once bot_runner has found it valid."""
        rows = [row for row in self.listed("/api-keys") if row["label"] == label]
        row: Json = (
            rows[0]
            if rows
            else self.call(
                "POST",
                "/api-keys",
                {"label": label, "api_key": api_key, "secret_key": secret_key, "environment": "testnet"},
            )
        )
        deadline = time.monotonic() + KEY_CHECK_SECONDS
        while not row["is_valid"]:
            if time.monotonic() > deadline:
                reason = row.get("check_error") or "bot_runner has not answered; see `make logs F=bot_runner`"
                raise TimeoutError(f"the key {label!r} was not found valid: {reason}")
            time.sleep(0.05)
            row = self.call("GET", f"/api-keys/{row['id']}")
        return row
