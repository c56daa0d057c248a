"""Accounts and sessions."""

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, EmailStr, Field, SecretStr

from tradebot_api.schemas.fields import Id, In, Instant, Out

USER_EXAMPLE: dict[str, Any] = {
    "id": 1,
    "email": "trader@example.com",
    "is_active": True,
    "created_at": "2026-11-22T10:00:00Z",
    "updated_at": "2026-11-22T10:00:00Z",
}

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


class AccessTokenOut(Out):
    """Send it as `Authorization: Bearer <access_token>`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"access_token": "<token>", "token_type": "bearer", "expires_in": 600},
        }
    )

    access_token: str
    token_type: str = Field(default="bearer", pattern="^bearer$")
    expires_in: int = Field(description="Seconds until the token ends.")


class UserOut(Out):
    """An account, as its owner sees it."""

    model_config = ConfigDict(json_schema_extra={"example": USER_EXAMPLE})

    id: Id
    email: str
    is_active: bool
    created_at: Instant
    updated_at: Instant
