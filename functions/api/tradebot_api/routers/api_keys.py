"""Exchange keys."""

from typing import Any

from fastapi import APIRouter

from tradebot.security.credentials import Credentials
from tradebot.security.secret import Secret
from tradebot_api.deps import Cursor, Limit, PathId, Token, UseCases
from tradebot_api.routers.documented import errors
from tradebot_api.schemas.api_keys import ApiKeyCredentials, ApiKeyIn, ApiKeyOut, ApiKeyPage, ApiKeyPatch

router = APIRouter(prefix="/api-keys", tags=["API keys"])


@router.post(
    "",
    operation_id="createApiKey",
    status_code=201,
    response_model=ApiKeyOut,
    responses=errors(401, 409, with_body=True),
    summary="Store an exchange key",
)
def create_api_key(cases: UseCases, token: Token, body: ApiKeyIn) -> Any:
    """Encrypt and store a key. It is checked at the exchange right after; `is_valid` tells when it passed."""
    credentials = Credentials(Secret(body.api_key.get_secret_value()), Secret(body.secret_key.get_secret_value()))
    return cases.api_keys.create(token, credentials=credentials, label=body.label, environment=body.environment)


@router.get(
    "",
    operation_id="listApiKeys",
    response_model=ApiKeyPage,
    responses=errors(401, 422),
    summary="List exchange keys",
)
def list_api_keys(cases: UseCases, token: Token, limit: Limit = 50, cursor: Cursor = None) -> Any:
    """List one's keys, newest first."""
    return cases.api_keys.read.page(token, limit=limit, cursor=cursor)


@router.get(
    "/{id}",
    operation_id="getApiKey",
    response_model=ApiKeyOut,
    responses=errors(401, 404, 422),
    summary="Show an exchange key",
)
def get_api_key(cases: UseCases, token: Token, id: PathId) -> Any:  # noqa: A002  the parameter's public name
    """Show one key; never its secrets."""
    return cases.api_keys.read.one(token, id)


@router.patch(
    "/{id}",
    operation_id="updateApiKey",
    response_model=ApiKeyOut,
    responses=errors(401, 404, with_body=True),
    summary="Label an exchange key",
)
def update_api_key(
    cases: UseCases,
    token: Token,
    id: PathId,  # noqa: A002  the parameter's public name
    body: ApiKeyPatch,
) -> Any:
    """Give the key another label, or none."""
    return cases.api_keys.update(token, id, label=body.label)


@router.put(
    "/{id}/credentials",
    operation_id="replaceApiKey",
    response_model=ApiKeyOut,
    responses=errors(401, 404, 409, with_body=True),
    summary="Replace an exchange key's secret",
)
def replace_api_key(
    cases: UseCases,
    token: Token,
    id: PathId,  # noqa: A002  the parameter's public name
    body: ApiKeyCredentials,
) -> Any:
    """Put other credentials in the place of these; they are checked as new ones are. Active bots have to stop first."""
    credentials = Credentials(Secret(body.api_key.get_secret_value()), Secret(body.secret_key.get_secret_value()))
    return cases.api_keys.replace(token, id, credentials=credentials)


@router.post(
    "/{id}/check",
    operation_id="checkApiKey",
    status_code=202,
    response_model=ApiKeyOut,
    responses=errors(401, 404, 422),
    summary="Check an exchange key again",
)
def check_api_key(cases: UseCases, token: Token, id: PathId) -> Any:  # noqa: A002  the parameter's public name
    """Ask the exchange about the key now. The answer comes into the key within seconds: look at `checked_at`."""
    return cases.api_keys.recheck(token, id)


@router.delete(
    "/{id}",
    operation_id="deleteApiKey",
    status_code=204,
    responses=errors(401, 404, 409, 422),
    summary="Delete an exchange key",
)
def delete_api_key(cases: UseCases, token: Token, id: PathId) -> None:  # noqa: A002  the parameter's public name
    """Delete a key that no active bot and no open position needs. Bots that named it then have none."""
    cases.api_keys.delete(token, id)
