"""Renew a session: a refresh token, once, for a new pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.audit import Action
from tradebot.errors import AuthenticationError
from tradebot.observability import count, logger
from tradebot.repositories import audit_events, refresh_tokens, users
from tradebot.security.one_time_tokens import new_token, token_hash
from tradebot.services.session_tokens import SessionTokens

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tradebot.security.tokens import TokenAuthority
    from tradebot.services.user_sessions import OpenSession


@dataclass(frozen=True, slots=True)
class RefreshSession:
    """Rotate. A token that comes a second time was stolen, from its owner or by them: its whole session ends."""

    open_session: OpenSession
    tokens: TokenAuthority

    def __call__(self, *, refresh_token: str, source: str | None) -> SessionTokens:
        """Return the next pair. Raises AuthenticationError, in the same words whatever is wrong with the token."""
        presented, following = token_hash(refresh_token), new_token()
        with self.open_session(None) as session:
            user_id = users.find_user_by_token(session, presented)
        if user_id is None:
            raise _refusal()
        with self.open_session(user_id) as session:
            version = self._rotate(session, user_id, presented, token_hash(following))
            if version is None:
                _end_if_replayed(session, user_id, presented, source)
        if version is None:  # after the commit, which holds what a replay ended
            raise _refusal()
        return SessionTokens(self.tokens.issue(user_id, version), following)

    @staticmethod
    def _rotate(session: Session, user_id: int, presented: str, following: str) -> int | None:
        used = refresh_tokens.use_token(session, user_id, presented)
        version = users.find_active_version(session, user_id) if used is not None else None
        if used is None or version is None:
            return None
        refresh_tokens.continue_family(
            session,
            user_id,
            family_id=used.family_id,
            family_expires_at=used.family_expires_at,
            token_hash=following,
        )
        return version


def _end_if_replayed(session: Session, user_id: int, presented: str, source: str | None) -> None:
    known = refresh_tokens.find_token(session, user_id, presented)
    if known is None or known.used_at is None:
        return  # expired, or revoked before it was used
    if refresh_tokens.revoke_family(session, user_id, known.family_id):
        # Whoever holds an access token of this session is stopped at once; other sessions refresh theirs.
        users.end_access_tokens(session, user_id)
        audit_events.record_event(session, user_id, Action.SESSION_REPLAYED, source=source)
        count("RefreshTokensReplayed")
        logger().warning("refresh token replayed: its session has ended", extra={"user_id": user_id})


def _refusal() -> AuthenticationError:
    return AuthenticationError("The refresh token is unknown, used, expired or revoked; log in again.")
