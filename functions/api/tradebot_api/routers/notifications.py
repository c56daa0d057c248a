"""What users are told unasked, by mail and by webhook."""

from typing import Any

from fastapi import APIRouter

from tradebot_api.deps import Token, UseCases
from tradebot_api.routers.documented import errors
from tradebot_api.schemas.notifications import (
    NotificationsOut,
    SwitchesIn,
    TestMessageOut,
    WebhookIn,
    WebhookWithSecretOut,
)

router = APIRouter(tags=["notifications"])


@router.get(
    "/users/me/notifications",
    operation_id="getNotifications",
    response_model=NotificationsOut,
    responses=errors(401),
    summary="Show what one is told, and how",
)
def get_notifications(cases: UseCases, token: Token) -> Any:
    """Show every kind of message with its channels, and how the webhook does. Mail about the account is always sent."""
    return cases.accounts.notifications.read(token)


@router.patch(
    "/users/me/notifications",
    operation_id="updateNotifications",
    response_model=NotificationsOut,
    responses=errors(401, with_body=True),
    summary="Choose what one is told, and how",
)
def update_notifications(cases: UseCases, token: Token, body: SwitchesIn) -> Any:
    """Switch kinds of messages on or off for a channel. It counts for messages that are not sent yet, too."""
    return cases.accounts.notifications.switch(token, [one.model_dump() for one in body.switches])


@router.put(
    "/users/me/webhook",
    operation_id="setWebhook",
    response_model=WebhookWithSecretOut,
    responses=errors(401, with_body=True),
    summary="Set the webhook",
)
def set_webhook(cases: UseCases, token: Token, body: WebhookIn) -> Any:
    """Have messages posted to a URL from now on, signed by a new secret that only this answer shows."""
    webhook, secret = cases.accounts.notifications.set_webhook(token, body.url)
    return {**webhook, "secret": secret.reveal()}


@router.delete(
    "/users/me/webhook",
    operation_id="deleteWebhook",
    status_code=204,
    responses=errors(401),
    summary="Remove the webhook",
)
def delete_webhook(cases: UseCases, token: Token) -> None:
    """Have nothing posted any more."""
    cases.accounts.notifications.remove_webhook(token)


@router.post(
    "/users/me/webhook/test",
    operation_id="testWebhook",
    status_code=202,
    response_model=TestMessageOut,
    responses=errors(401, 409, 422, 429),
    summary="Have a test message posted",
)
def test_webhook(cases: UseCases, token: Token) -> Any:
    """Post a message of the kind `webhook_test`; `getNotifications` shows within a minute how it went."""
    return {"message_id": cases.accounts.notifications.test_webhook(token)}
