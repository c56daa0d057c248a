"""Store an exchange key, encrypted and unchecked, and ask bot_runner to check it."""

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

#: Bounds what one account can make the platform keep and check every day.
MAX_API_KEYS = 50


@dataclass(frozen=True, slots=True)
class CreateApiKey:
    """Encrypt and store a key."""

    sessions: UserSessions
    data_keys: DataKeyMaker
    request_key_check: RequestKeyCheck

    def __call__(self, token: AccessToken, *, credentials: Credentials, label: str | None, environment: str) -> Record:
        """Return the stored key, `is_valid` false.

        Raises InvalidInputError where they have no key's shape, ConflictError where the user has MAX_API_KEYS already.
        """
        credentials = canonical_credentials(credentials)
        with self.sessions.of(token) as session:
            if api_keys.count_api_keys(session, token.user_id) >= MAX_API_KEYS:
                raise ConflictError(f"An account holds at most {MAX_API_KEYS} API keys; delete one first.")
            api_key_id = api_keys.take_id(session)
        # No connection is held while KMS answers.
        sealed = seal_credentials(self.data_keys, credentials, user_id=token.user_id, api_key_id=api_key_id)
        with self.sessions.of(token) as session:
            stored = api_keys.insert_api_key(
                session, token.user_id, api_key_id=api_key_id, label=label, environment=environment, sealed=sealed
            )
            audit_events.record_event(
                session,
                token.user_id,
                Action.API_KEY_CREATED,
                of=("api_key", api_key_id),
                source=token.source,
                details={"after": {"label": label, "environment": environment, "key_hint": sealed.key_hint}},
            )
        self.request_key_check(api_key_id=api_key_id, user_id=token.user_id)
        return stored
