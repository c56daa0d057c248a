"""Change a stored exchange key: its label, or the credentials themselves; or have it checked again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.audit import Action
from tradebot.errors import ConflictError
from tradebot.repositories import api_keys, audit_events
from tradebot.security.credentials import seal_credentials
from tradebot.security.exchange_secrets import canonical_credentials

if TYPE_CHECKING:
    from tradebot.repositories.pages import Record
    from tradebot.security.credentials import Credentials
    from tradebot.security.data_keys import DataKeyMaker
    from tradebot.security.tokens import AccessToken
    from tradebot.services.request_key_check import RequestKeyCheck
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class UpdateApiKey:
    """Give a key another label."""

    sessions: UserSessions

    def __call__(self, token: AccessToken, api_key_id: int, *, label: str | None) -> Record:
        """Return the key. Raises NotFoundError."""
        with self.sessions.of(token) as session:
            before = api_keys.lock_api_key(session, token.user_id, api_key_id)
            if before.label == label:
                return before
            after = api_keys.update_api_key(session, token.user_id, api_key_id, {"label": label})
            audit_events.record_event(
                session,
                token.user_id,
                Action.API_KEY_UPDATED,
                of=("api_key", api_key_id),
                source=token.source,
                details=audit_events.changes(before, after, ["label"]),
            )
            return after


@dataclass(frozen=True, slots=True)
class ReplaceApiKey:
    """Put other credentials into a key's place; bots that name it go on with them."""

    sessions: UserSessions
    data_keys: DataKeyMaker
    request_key_check: RequestKeyCheck

    def __call__(self, token: AccessToken, api_key_id: int, *, credentials: Credentials) -> Record:
        """Return the key, `is_valid` false again.

        Raises NotFoundError, InvalidInputError (no key's shape), or ConflictError while a bot trades with it.
        """
        credentials = canonical_credentials(credentials)
        with self.sessions.of(token) as session:
            api_keys.get_api_key(session, token.user_id, api_key_id)
        # No connection is held while KMS answers.
        sealed = seal_credentials(self.data_keys, credentials, user_id=token.user_id, api_key_id=api_key_id)
        with self.sessions.of(token) as session:
            # Bots before the key, as a start does, so that the two cannot wait for each other.
            api_keys.lock_bots_of_key(session, token.user_id, api_key_id)
            before = api_keys.lock_api_key(session, token.user_id, api_key_id)
            bot = api_keys.find_running_bot_of_key(session, token.user_id, api_key_id)
            if bot is not None:
                raise ConflictError(f"Bot {bot.id} ({bot.name}) trades with this key; stop it, then replace the key.")
            after = api_keys.replace_secret(session, token.user_id, api_key_id, sealed)
            audit_events.record_event(
                session,
                token.user_id,
                Action.API_KEY_REPLACED,
                of=("api_key", api_key_id),
                source=token.source,
                details=audit_events.changes(before, after, ["key_hint"]),
            )
        self.request_key_check(api_key_id=api_key_id, user_id=token.user_id)
        return after


@dataclass(frozen=True, slots=True)
class RecheckApiKey:
    """Ask the exchange about a key now rather than tomorrow."""

    sessions: UserSessions
    request_key_check: RequestKeyCheck

    def __call__(self, token: AccessToken, api_key_id: int) -> Record:
        """Return the key as it is; `checked_at` tells when the answer is there. Raises NotFoundError."""
        with self.sessions.of(token) as session:
            key = api_keys.get_api_key(session, token.user_id, api_key_id)
            audit_events.record_event(
                session,
                token.user_id,
                Action.API_KEY_CHECK_REQUESTED,
                of=("api_key", api_key_id),
                source=token.source,
            )
        self.request_key_check(api_key_id=api_key_id, user_id=token.user_id)
        return key
