"""Accounts. What is asked before a user is known goes through the database's own function, past row level security."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from tradebot.errors import ConflictError
from tradebot.models import User
from tradebot.repositories.session import sqlstate

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tradebot.repositories.pages import Record

#: What may be shown to the user; the password's hash is not in it.
_SHOWN = (User.id, User.email, User.is_active, User.created_at, User.updated_at)


def begin_as_new_user(session: Session) -> int:
    """Take the next id and go on as its user: row level security lets nobody insert a row that is not their own."""
    user_id = session.scalar(
        text("SELECT set_config('app.user_id', nextval(pg_get_serial_sequence('users', 'id'))::text, true)")
    )
    return int(user_id)


def insert_user(session: Session, *, user_id: int, email: str, hashed_password: str) -> Record:
    """Insert and return what may be shown. Raises ConflictError where the address (in lower case) is taken."""
    try:
        return session.execute(
            insert(User).values(id=user_id, email=email, hashed_password=hashed_password).returning(*_SHOWN)
        ).one()
    except IntegrityError as error:
        if sqlstate(error) != "23505":
            raise
        raise ConflictError("This address has an account already; log in instead.") from error


def get_user(session: Session, user_id: int) -> Record:
    """Return what may be shown of the user of this transaction."""
    return session.execute(select(*_SHOWN).where(User.id == user_id)).one()


def is_session_current(session: Session, user_id: int, token_version: int) -> bool:
    """Tell whether tokens of this version still count: the user is there, active and has not ended all sessions."""
    found = session.scalar(
        select(func.count()).where(User.id == user_id, User.token_version == token_version, User.is_active)
    )
    return bool(found)


def replace_password_hash(session: Session, user_id: int, *, old: str, new: str) -> None:
    """Store the same password's new hash, unless it was changed meanwhile."""
    session.execute(update(User).where(User.id == user_id, User.hashed_password == old).values(hashed_password=new))


def find_login(session: Session, email: str) -> Record | None:
    """Return id, hashed_password, is_active and token_version of the account with this address, before it is known."""
    statement = text("SELECT id, hashed_password, is_active, token_version FROM app_user_by_email(:email)")
    return session.execute(statement, {"email": email}).one_or_none()
