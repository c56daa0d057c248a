"""Exchange keys. The secrets go in and never come out."""

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, SecretStr

from tradebot_api.schemas.fields import LINE_PATTERN, Id, In, Instant, Out, Page
from tradebot_api.schemas.words import KeyEnvironment

API_KEY_EXAMPLE: dict[str, Any] = {
    "id": 7,
    "label": "main account",
    "environment": "testnet",
    "key_hint": "x7Qa",
    "is_valid": False,
    "checked_at": None,
    "check_error": None,
    "check_warning": None,
    "created_at": "2026-11-22T10:00:00Z",
    "updated_at": "2026-11-22T10:00:00Z",
}


def _printable(value: SecretStr) -> SecretStr:
    # An Ed25519 private key is PEM text, so lines may break; nothing else below a space belongs into a key.
    if not all(" " <= character <= "~" or character in "\r\n" for character in value.get_secret_value()):
        raise ValueError("only printable ASCII characters and line breaks")
    return value


PublicKey = Annotated[SecretStr, Field(min_length=16, max_length=256), AfterValidator(_printable)]
SecretKey = Annotated[SecretStr, Field(min_length=16, max_length=4096), AfterValidator(_printable)]
Label = Annotated[str, Field(min_length=1, max_length=100, pattern=LINE_PATTERN)]


class ApiKeyIn(In):
    """A key of the exchange: an HMAC secret, or an Ed25519 private key in PEM. Give it no right to withdraw."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "label": "main account",
                "environment": "testnet",
                "api_key": "the-key-that-the-exchange-shows-x7Qa",
                "secret_key": "the-secret-that-it-shows-only-once",
            }
        }
    )

    api_key: PublicKey
    secret_key: SecretKey
    environment: KeyEnvironment
    label: Label | None = None


class ApiKeyPatch(In):
    """Another label; null for none."""

    model_config = ConfigDict(json_schema_extra={"example": {"label": "second account"}})

    label: Label | None


class ApiKeyCredentials(In):
    """Other credentials for a stored key, of the same environment."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "api_key": "the-key-that-the-exchange-shows-k3Zb",
                "secret_key": "the-secret-that-it-shows-only-once",
            }
        }
    )

    api_key: PublicKey
    secret_key: SecretKey


class ApiKeyOut(Out):
    """A stored key: of the key itself only the last four characters."""

    model_config = ConfigDict(json_schema_extra={"example": API_KEY_EXAMPLE})

    id: Id
    label: str | None
    environment: KeyEnvironment
    key_hint: str = Field(description="The last four characters of the key.")
    is_valid: bool = Field(description="False until the exchange has been asked; bots start with a valid key only.")
    checked_at: Instant | None = Field(description="When the exchange was last asked; null: not yet.")
    check_error: str | None = Field(description="Why the key was refused.")
    check_warning: str | None = Field(description="What to change at the exchange on a key that is accepted.")
    created_at: Instant
    updated_at: Instant


class ApiKeyPage(Page[ApiKeyOut]):
    """A page of keys, newest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"items": [API_KEY_EXAMPLE], "next_cursor": None}})
