"""Wrap the data keys of exchange credentials anew, so that none depends on an older state of the KMS key.

KMS takes a wrapped key and gives another: neither a data key nor a credential is in clear anywhere. What the data keys
seal stays as it is.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradebot.errors import CloudUnavailableError
from tradebot.observability import count, logger
from tradebot.repositories import key_rotations
from tradebot.security.data_keys import CredentialsUnreadableError, encryption_context

if TYPE_CHECKING:
    from tradebot.repositories.key_rotations import Outcome, WrappedKey
    from tradebot.repositories.pages import Record
    from tradebot.security.data_keys import DataKeyRewrapper
    from tradebot.services.user_sessions import OpenSession

#: Read at once; each is a request to KMS and a transaction of its own.
SLICE = 50
#: Of one invocation: at 30 ms a key half a minute, a quarter of the time that the function has.
MAX_KEYS = 1_000


@dataclass(frozen=True, slots=True)
class RotateDataKeys:
    """One run goes on where the last one stopped, whatever stopped it. Several at once do no harm."""

    open_session: OpenSession
    data_keys: DataKeyRewrapper

    def __call__(self, *, is_started: bool, most: int = MAX_KEYS) -> dict[str, Any] | None:
        """Go on with the rotation under way, or where there is none start one if `is_started`.

        Return how far it has come, None where there is none. It is over when `is_finished`; until then, run it again.
        """
        with self.open_session(None) as session:
            rotation = (key_rotations.start_rotation if is_started else key_rotations.find_rotation)(session)
        if rotation is None:
            return None
        error = None
        try:
            self._run(rotation.id, most)
        except CloudUnavailableError as failure:
            # What is done is stored; the next run tries this key again.
            logger().warning("rotation interrupted", exc_info=True, extra={"rotation_id": rotation.id})
            error = failure.message
        return self._progress(rotation.id, error)

    def _run(self, rotation_id: int, most: int) -> None:
        left = most
        while left > 0:
            with self.open_session(None) as session:
                rotation = key_rotations.get_rotation(session, rotation_id)
                keys = key_rotations.find_wrapped_keys(session, rotation, limit=min(SLICE, left))
                if not keys:
                    key_rotations.finish_rotation(session, rotation_id, at=rotation.at_id)
                    return
            at = rotation.at_id
            for key in keys:
                if not self._rewrap(rotation_id, at, key):
                    break  # another run has been here: read where it is
                at = key.api_key_id
            left -= len(keys)
            logger().info("data keys rewrapped", rotation_id=rotation_id, at=at, through=rotation.through_id)

    def _rewrap(self, rotation_id: int, before: int, key: WrappedKey) -> bool:
        # No transaction is open while KMS answers.
        wrapped = self._wrapped_anew(key)
        with self.open_session(None) as session:
            if not key_rotations.advance_rotation(session, rotation_id, before=before, to=key.api_key_id):
                return False
            outcome: Outcome = "unreadable"
            if wrapped is not None:
                outcome = "rewrapped" if key_rotations.replace_data_key(session, key, wrapped) else "replaced"
            key_rotations.count_key(session, rotation_id, outcome)
        count("DataKeysRewrapped", int(outcome == "rewrapped"))
        return True

    def _wrapped_anew(self, key: WrappedKey) -> str | None:
        context = encryption_context(key.user_id, key.api_key_id)
        try:
            wrapped = self.data_keys.rewrap(base64.b64decode(key.encrypted_data_key, validate=True), context)
        except (CredentialsUnreadableError, ValueError):
            logger().exception("data key unreadable", extra={"api_key_id": key.api_key_id})
            return None
        return base64.b64encode(wrapped).decode()

    def _progress(self, rotation_id: int, error: str | None) -> dict[str, Any]:
        with self.open_session(None) as session:
            rotation: Record = key_rotations.get_rotation(session, rotation_id)
        done = rotation.rewrapped + rotation.replaced + rotation.unreadable
        return {
            "rotation_id": rotation.id,
            "total": rotation.total,
            "done": done,
            "rewrapped": rotation.rewrapped,
            "replaced": rotation.replaced,
            "unreadable": rotation.unreadable,
            "is_finished": rotation.finished_at is not None,
            "error": error,
        }
