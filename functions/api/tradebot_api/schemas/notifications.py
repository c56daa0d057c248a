"""What a user wants to be told by which channel, and the webhook."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from tradebot_api.schemas.fields import LINE_PATTERN, In, Instant, Out
from tradebot_api.schemas.words import NotificationKind

WEBHOOK_EXAMPLE: dict[str, Any] = {
    "url": "https://hooks.example.com/tradebot",
    "set_at": "2026-11-22T10:05:00Z",
    "delivered_at": "2026-11-22T10:07:12Z",
    "failed_at": None,
    "error": None,
}


class SwitchOut(Out):
    """Whether a kind of message is sent by which channel."""

    model_config = ConfigDict(json_schema_extra={"example": {"kind": "stop_fired", "mail": True, "webhook": True}})

    kind: NotificationKind
    mail: bool
    webhook: bool = Field(description="It takes effect while there is a webhook.")


class WebhookOut(Out):
    """A webhook, without its secret."""

    model_config = ConfigDict(json_schema_extra={"example": WEBHOOK_EXAMPLE})

    url: str
    set_at: Instant
    delivered_at: Instant | None = Field(description="When it last took a message.")
    failed_at: Instant | None = Field(description="When it last did not.")
    error: str | None = Field(description="Why; null once a message was taken again.")


class WebhookWithSecretOut(WebhookOut):
    """A webhook that was just set."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {**WEBHOOK_EXAMPLE, "delivered_at": None, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
        }
    )

    secret: str = Field(
        description="Verifies the messages' signatures. Shown this once; setting it again makes another."
    )


class NotificationsOut(Out):
    """All of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "switches": [{"kind": "stop_fired", "mail": True, "webhook": True}],
                "webhook": WEBHOOK_EXAMPLE,
            }
        }
    )

    switches: list[SwitchOut]
    webhook: WebhookOut | None


class SwitchIn(In):
    """A kind to switch; a channel that is not named stays as it is."""

    kind: NotificationKind
    mail: Annotated[bool, Field(strict=True)] | None = None
    webhook: Annotated[bool, Field(strict=True)] | None = None


class SwitchesIn(In):
    """What to switch."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"switches": [{"kind": "backtest_ready", "mail": False, "webhook": True}]}}
    )

    switches: Annotated[list[SwitchIn], Field(min_length=1, max_length=20)]


class WebhookIn(In):
    """Where messages go."""

    model_config = ConfigDict(json_schema_extra={"example": {"url": "https://hooks.example.com/tradebot"}})

    url: Annotated[
        str,
        Field(
            min_length=1,
            max_length=500,
            pattern=LINE_PATTERN,
            description="https, port 443, a public host's name; redirects are not followed.",
        ),
    ]


class TestMessageOut(Out):
    """A test message that is on its way."""

    __test__ = False
    model_config = ConfigDict(json_schema_extra={"example": {"message_id": "3f0c7a52-6f3e-4a0e-9a56-0d3a3a7f5b11"}})

    message_id: str = Field(description="Its `webhook-id`.")
