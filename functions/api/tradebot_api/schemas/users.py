"""Accounts and sessions."""

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, EmailStr, Field, SecretStr

from tradebot_api.schemas.fields import LINE_PATTERN, Id, In, Instant, Out
from tradebot_api.schemas.words import PositionChoice

USER_EXAMPLE: dict[str, Any] = {
    "id": 1,
    "email": "trader@example.com",
    "display_name": None,
    "new_email": None,
    "is_active": True,
    "created_at": "2026-11-22T10:00:00Z",
    "updated_at": "2026-11-22T10:00:00Z",
}
TOKEN_EXAMPLE = "the-43-characters-that-were-mailed-or-handed"  # noqa: S105  an example

Email = Annotated[EmailStr, Field(max_length=254, examples=["trader@example.com"]), AfterValidator(str.lower)]


def _encodable(value: SecretStr) -> SecretStr:
    # JSON can write half of a surrogate pair, which no encoding of text carries.
    try:
        value.get_secret_value().encode()
    except UnicodeEncodeError:
        raise ValueError("not a text that can be encoded") from None
    return value


Password = Annotated[SecretStr, AfterValidator(_encodable)]


class Registration(In):
    """A new account. The password has no composition rules; the commonest are refused."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"email": "trader@example.com", "password": "seven-candles-before-noon"}}
    )

    email: Email
    password: Password = Field(min_length=8, max_length=128)


class Login(In):
    """An address and its password."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"email": "trader@example.com", "password": "seven-candles-before-noon"}}
    )

    email: Email
    password: Password = Field(min_length=1, max_length=128)


MailedToken = Annotated[SecretStr, Field(min_length=20, max_length=128)]


class Verification(In):
    """The token that was mailed."""

    model_config = ConfigDict(json_schema_extra={"example": {"token": TOKEN_EXAMPLE}})

    token: MailedToken


class RefreshTokenIn(In):
    """The refresh token of a session; it is used once."""

    model_config = ConfigDict(json_schema_extra={"example": {"refresh_token": TOKEN_EXAMPLE}})

    refresh_token: MailedToken


class ForgottenPassword(In):
    """The address of an account."""

    model_config = ConfigDict(json_schema_extra={"example": {"email": "trader@example.com"}})

    email: Email


class PasswordReset(In):
    """The token that was mailed, and a new password."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"token": TOKEN_EXAMPLE, "password": "nine-candles-after-dusk"}}
    )

    token: MailedToken
    password: Password = Field(min_length=8, max_length=128)


class PasswordChange(In):
    """The present password and a new one."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"password": "seven-candles-before-noon", "new_password": "nine-candles-after-dusk"}
        }
    )

    password: Password = Field(min_length=1, max_length=128)
    new_password: Password = Field(min_length=8, max_length=128)


class AddressChange(In):
    """The present password and a new address, which counts once it is confirmed."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"password": "seven-candles-before-noon", "new_email": "desk@example.com"}}
    )

    password: Password = Field(min_length=1, max_length=128)
    new_email: Email


class AccountDeletion(In):
    """The present password, and what becomes of bots that still trade."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"password": "seven-candles-before-noon", "position": "close"}}
    )

    password: Password = Field(min_length=1, max_length=128)
    position: PositionChoice | None = Field(
        default=None,
        description="Of bots that are active, hold a position or have an order that may execute. `keep` leaves what is"
        " open to you, at the exchange, where nobody watches it; `close` stops them all, begins to close and answers"
        " 409: delete again when all is closed. Without the choice such an account is not deleted.",
    )


class ProfilePatch(In):
    """What shall change; what is not named stays."""

    model_config = ConfigDict(json_schema_extra={"example": {"display_name": "Desk 3"}})

    display_name: Annotated[str, Field(min_length=1, max_length=100, pattern=LINE_PATTERN)] | None = None


class SessionOut(Out):
    """Send `access_token` as `Authorization: Bearer <access_token>`; before it ends, refresh."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "access_token": "<token>",
                "refresh_token": "<token>",
                "token_type": "bearer",
                "expires_in": 600,
                "refresh_expires_in": 604800,
            },
        }
    )

    access_token: str
    refresh_token: str = Field(description="Used once, for the next pair. Used twice, it ends the session.")
    token_type: str = Field(default="bearer", pattern="^bearer$")
    expires_in: int = Field(description="Seconds until the access token ends.")
    refresh_expires_in: int = Field(
        description="Seconds until an unused refresh token ends; the session lasts 30 days."
    )


class MailedOut(Out):
    """What happens next. It is the same whether or not the address has an account."""

    model_config = ConfigDict(json_schema_extra={"example": {"notice": "If it can be used, a mail is on its way."}})

    notice: str


class UserOut(Out):
    """An account, as its owner sees it."""

    model_config = ConfigDict(json_schema_extra={"example": USER_EXAMPLE})

    id: Id
    email: str
    display_name: str | None
    new_email: str | None = Field(description="The address that waits for its confirmation.")
    is_active: bool
    created_at: Instant
    updated_at: Instant
