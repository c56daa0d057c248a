"""Accounts. What is asked before a user is known goes through the database's own functions, past row level security."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, Text, case, cast, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from tradebot.errors import ConflictError
from tradebot.models import User
from tradebot.repositories.session import sqlstate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from tradebot.repositories.pages import Record

RESET_LIFETIME = timedelta(minutes=10)
VERIFICATION_LIFETIME = timedelta(hours=24)
#: What may be shown to the user; no hash is in it.
_SHOWN = (
    User.id,
    User.email,
    User.display_name,
    User.new_email,
    User.is_active,
    User.created_at,
    User.updated_at,
)
_UNSYNCHRONISED = {"synchronize_session": False}


# --- Before a user is known ---


def begin_as_new_user(session: Session) -> int:
    """Take the next id and go on as its user: row level security lets nobody insert a row that is not their own."""
    user_id = session.scalar(
        text("SELECT set_config('app.user_id', nextval(pg_get_serial_sequence('users', 'id'))::text, true)")
    )
    return int(user_id)


def find_login(session: Session, email: str) -> Record | None:
    """Return id, hashed_password, is_active, is_verified and token_version of the account with this address."""
    statement = text("SELECT id, hashed_password, is_active, is_verified, token_version FROM app_user_by_email(:email)")
    return session.execute(statement, {"email": email}).one_or_none()


def find_user_by_token(session: Session, token_hash: str) -> int | None:
    """Return whose refresh, reset or verification token this is the hash of. Which of them, its use will tell."""
    found = session.scalar(text("SELECT app_user_by_token(:hash)"), {"hash": token_hash})
    return None if found is None else int(found)


# --- The user of the transaction ---


def insert_user(session: Session, *, user_id: int, email: str, hashed_password: str) -> bool:
    """Insert, not verified; tell whether the address (in lower case) was free until this moment."""
    try:
        with session.begin_nested():
            session.execute(insert(User).inline().values(id=user_id, email=email, hashed_password=hashed_password))
    except IntegrityError as error:
        if sqlstate(error) != "23505":
            raise
        return False
    return True


def replace_unverified_password(session: Session, user_id: int, hashed_password: str) -> None:
    """Let the newest registration of an address that nobody confirmed yet decide its password."""
    session.execute(
        update(User).where(User.id == user_id, User.verified_at.is_(None)).values(hashed_password=hashed_password),
        execution_options=_UNSYNCHRONISED,
    )


def get_user(session: Session, user_id: int) -> Record:
    """Return what may be shown of the user of this transaction."""
    return session.execute(select(*_SHOWN).where(User.id == user_id)).one()


def get_login(session: Session, user_id: int) -> Record:
    """Return email and hashed_password of the user of this transaction."""
    return session.execute(select(User.email, User.hashed_password).where(User.id == user_id)).one()


def is_session_current(session: Session, user_id: int, token_version: int) -> bool:
    """Tell whether tokens of this version still count: the user is there, active and has not ended all sessions."""
    found = session.scalar(
        select(func.count()).where(User.id == user_id, User.token_version == token_version, User.is_active)
    )
    return bool(found)


def find_active_version(session: Session, user_id: int) -> int | None:
    """Return the token_version of the user; None where the account is gone or not active."""
    return session.scalar(select(User.token_version).where(User.id == user_id, User.is_active))


def end_access_tokens(session: Session, user_id: int) -> None:
    """Let no access token count that was issued until now."""
    _update(session, user_id, {"token_version": User.token_version + 1})


def update_profile(session: Session, user_id: int, values: Mapping[str, Any]) -> Record:
    """Change what `values` names and return what may be shown."""
    statement = update(User).where(User.id == user_id).values(**values).returning(*_SHOWN)
    return session.execute(statement, execution_options=_UNSYNCHRONISED).one()


def replace_password_hash(session: Session, user_id: int, *, old: str, new: str) -> None:
    """Store the same password's new hash, unless it was changed meanwhile."""
    session.execute(
        update(User).where(User.id == user_id, User.hashed_password == old).values(hashed_password=new),
        execution_options=_UNSYNCHRONISED,
    )


def change_password(session: Session, user_id: int, *, old: str, new: str) -> bool:
    """Store a new password's hash in place of the one that was confirmed; tell whether that was still the one."""
    values = {"hashed_password": new, "reset_token": None, "token_version": User.token_version + 1}
    return _update(session, user_id, values, User.hashed_password == old)


def ask_for_address(session: Session, user_id: int, new_email: str) -> None:
    """Note the address that the user wants; it counts once it is confirmed."""
    _update(session, user_id, {"new_email": new_email})


def redeem_reset_token(session: Session, user_id: int, *, token_hash: str, hashed_password: str) -> bool:
    """Set the password by the newest reset token, once; tell whether it was that. Who got the mail has the address."""
    values = {
        "hashed_password": hashed_password,
        "reset_token": None,
        "reset_token_expires": None,
        "verified_at": func.coalesce(User.verified_at, func.now()),
        "token_version": User.token_version + 1,
    }
    return _update(session, user_id, values, User.reset_token == token_hash, User.reset_token_expires > func.now())


def redeem_verification_token(session: Session, user_id: int, *, token_hash: str) -> Record | None:
    """Confirm the address, or put the new one in its place, by the newest token, once.

    Return old_email and email as they are then; None where it was not that token. Raises ConflictError where the new
    address was taken meanwhile.
    """
    before = select(User.id, User.email).where(User.id == user_id).with_for_update().cte("before")
    is_change = User.new_email.is_not(None)
    statement = (
        update(User)
        .where(
            User.id == before.c.id,
            User.verification_token == token_hash,
            User.verification_token_expires > func.now(),
        )
        .values(
            email=func.coalesce(User.new_email, User.email),
            new_email=None,
            verification_token=None,
            verification_token_expires=None,
            verified_at=func.now(),
            reset_token=case((User.new_email.is_(None), User.reset_token)),
            token_version=User.token_version + cast(is_change, Integer),
        )
        .returning(before.c.email.label("old_email"), User.email)
    )
    try:
        return session.execute(statement, execution_options=_UNSYNCHRONISED).one_or_none()
    except IntegrityError as error:
        if sqlstate(error) != "23505":
            raise
        raise ConflictError("This address has an account already; it cannot become that of a second one.") from error


def delete_user(session: Session, user_id: int) -> None:
    """Delete the account and everything that it owns."""
    session.execute(delete(User).where(User.id == user_id), execution_options=_UNSYNCHRONISED)


# --- For the mail to the user ---


def find_recipient(session: Session, user_id: int) -> Record | None:
    """Return email and new_email of a user who is to be told something."""
    return session.execute(select(User.email, User.new_email).where(User.id == user_id)).one_or_none()


def set_reset_token(session: Session, user_id: int, token_hash: str) -> None:
    """Make this the one reset token of the user."""
    _update(session, user_id, {"reset_token": token_hash, "reset_token_expires": func.now() + RESET_LIFETIME})


def set_verification_token(session: Session, user_id: int, token_hash: str) -> None:
    """Make this the one verification token of the user."""
    expires = func.now() + VERIFICATION_LIFETIME
    _update(session, user_id, {"verification_token": token_hash, "verification_token_expires": expires})


def _update(session: Session, user_id: int, values: Mapping[str, Any], *conditions: Any) -> bool:
    statement = update(User).where(User.id == user_id, *conditions).values(**values).returning(cast(User.id, Text))
    return session.execute(statement, execution_options=_UNSYNCHRONISED).one_or_none() is not None
