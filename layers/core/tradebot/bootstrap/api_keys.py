"""What the API's routes of exchange keys call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.bootstrap.aws_clients import kms_client
from tradebot.settings import load_settings

if TYPE_CHECKING:
    from tradebot.services.change_api_key import RecheckApiKey, ReplaceApiKey, UpdateApiKey
    from tradebot.services.create_api_key import CreateApiKey
    from tradebot.services.delete_api_key import DeleteApiKey
    from tradebot.services.read_api_keys import ReadApiKeys
    from tradebot.services.request_key_check import RequestKeyCheck
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class ApiKeyUseCases:
    """What a user does with exchange keys."""

    create: CreateApiKey
    read: ReadApiKeys
    update: UpdateApiKey
    replace: ReplaceApiKey
    recheck: RecheckApiKey
    delete: DeleteApiKey


def api_key_use_cases(sessions: UserSessions, request_key_check: RequestKeyCheck) -> ApiKeyUseCases:
    """Return them (CREDENTIALS_KEY_ID)."""
    from tradebot.security.data_keys import KmsDataKeyMaker
    from tradebot.services.change_api_key import RecheckApiKey, ReplaceApiKey, UpdateApiKey
    from tradebot.services.create_api_key import CreateApiKey
    from tradebot.services.delete_api_key import DeleteApiKey
    from tradebot.services.read_api_keys import ReadApiKeys

    data_keys = KmsDataKeyMaker(kms_client, load_settings().credentials_key_id)
    return ApiKeyUseCases(
        create=CreateApiKey(sessions, data_keys, request_key_check),
        read=ReadApiKeys(sessions),
        update=UpdateApiKey(sessions),
        replace=ReplaceApiKey(sessions, data_keys, request_key_check),
        recheck=RecheckApiKey(sessions, request_key_check),
        delete=DeleteApiKey(sessions),
    )
