"""Let a request that is sent several times under one key act once, and be answered the same each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.errors import ConflictError, InvalidInputError
from tradebot.repositories import idempotency_keys

if TYPE_CHECKING:
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions


class RequestUnderWayError(ConflictError):
    """The same request is under way: its answer can be had in a moment."""

    code = "request-under-way"
    retryable = True
    retry_after_seconds = 1


class OutcomeUnknownError(ConflictError):
    """The same request ended without an answer: it may have acted."""

    code = "outcome-unknown"


class KeyReusedError(InvalidInputError):
    """The key was used for another request."""

    code = "idempotency-key-reused"


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What the first request was answered."""

    status: int
    content_type: str | None
    body: str


@dataclass(frozen=True, slots=True)
class ActOnce:
    """Keys are a user's own, and kept for a day. A request of which nobody knows whether it acted is not run again."""

    sessions: UserSessions

    def begin(self, token: AccessToken, key: str, request_hash: str) -> KeptAnswer | None:
        """Take the key (None: go on, then `keep` or `release`), or return what was answered to the same request.

        Raises RequestUnderWayError, OutcomeUnknownError, KeyReusedError or AuthenticationError.
        """
        with self.sessions.of(token) as session:
            if idempotency_keys.claim_key(session, token.user_id, key, request_hash):
                return None
            found = idempotency_keys.find_key(session, token.user_id, key)
        if found is None:
            raise _under_way()  # released at this moment
        if found.request_hash != request_hash:
            raise KeyReusedError(
                "This Idempotency-Key was used for another request; take a new one.",
                field="header.idempotency-key",
                rule="one_request",
            )
        if found.status is not None:
            return KeptAnswer(found.status, found.content_type, found.body)
        if found.is_abandoned:
            raise OutcomeUnknownError(
                "The first request with this Idempotency-Key ended without an answer, so it may have acted:"
                " look whether it did, and take a new key for another try."
            )
        raise _under_way()

    def keep(self, token: AccessToken, key: str, answer: KeptAnswer) -> None:
        """Keep the answer of a request that acted. Its session may have ended by it."""
        with self.sessions.open_session(token.user_id) as session:
            idempotency_keys.keep_answer(
                session,
                token.user_id,
                key,
                status=answer.status,
                content_type=answer.content_type,
                body=answer.body,
            )

    def release(self, token: AccessToken, key: str) -> None:
        """Give the key back: what was refused changed nothing and may be asked again."""
        with self.sessions.open_session(token.user_id) as session:
            idempotency_keys.release_key(session, token.user_id, key)


def _under_way() -> RequestUnderWayError:
    return RequestUnderWayError("The same request is under way; ask again in a moment.")
