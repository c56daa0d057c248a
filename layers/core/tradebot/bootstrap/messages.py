"""How users are told: the outbox, its mail and its webhooks."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tradebot.bootstrap.aws_clients import lambda_client, secrets_client, ses_client
from tradebot.bootstrap.database import open_session
from tradebot.settings import load_settings

if TYPE_CHECKING:
    from tradebot.security.webhook_signatures import WebhookSecrets
    from tradebot.services.post_webhooks import PostWebhooks
    from tradebot.services.request_mail import RequestMail
    from tradebot.services.send_mail import SendMail
    from tradebot.services.send_webhooks import SendWebhooks


@cache
def request_mail() -> RequestMail:
    """Return what asks for the outbox to be sent now (MAINTENANCE_FUNCTION)."""
    from tradebot.aws.invoker import LambdaInvoker
    from tradebot.services.request_mail import RequestMail

    return RequestMail(LambdaInvoker(lambda_client, load_settings().maintenance_function))


@cache
def send_mail() -> SendMail:
    """Return what sends the outbox's mail (MAIL_SENDER, DATABASE_*)."""
    from tradebot.aws.mail import SesMailer
    from tradebot.services.send_mail import SendMail

    return SendMail(open_session(), SesMailer(ses_client, load_settings().mail_sender))


@cache
def webhook_secrets() -> WebhookSecrets:
    """Return what derives the secrets of webhooks (WEBHOOK_SECRET_ID)."""
    from tradebot.security.signing_keys import SecretsManagerSigningKeys
    from tradebot.security.webhook_signatures import WebhookSecrets

    return WebhookSecrets(SecretsManagerSigningKeys(secrets_client, load_settings().webhook_secret_id))


@cache
def send_webhooks() -> SendWebhooks:
    """Return what signs messages and has them posted (WEBHOOK_SECRET_ID, WEBHOOK_SENDER_FUNCTION, DATABASE_*)."""
    from tradebot.aws.invoker import LambdaCaller
    from tradebot.services.send_webhooks import SendWebhooks

    sender = LambdaCaller(lambda_client, load_settings().webhook_sender_function)
    return SendWebhooks(open_session(), webhook_secrets(), sender)


@cache
def post_webhooks() -> PostWebhooks:
    """Return what posts to the URLs of users. Nothing in the environment loosens what it may reach."""
    from tradebot.services.post_webhooks import PostWebhooks

    return PostWebhooks()
