"""Sessions: an access token for minutes, a refresh token for the next pair."""

from typing import Any

from fastapi import APIRouter

from tradebot_api.deps import Source, Token, UseCases
from tradebot_api.routers.documented import errors
from tradebot_api.schemas.users import Login, RefreshTokenIn, SessionOut

router = APIRouter(prefix="/auth", tags=["accounts"])


@router.post(
    "/login",
    operation_id="logIn",
    response_model=SessionOut,
    responses=errors(401, 403, 429, with_body=True),
    summary="Log in",
)
def log_in(cases: UseCases, source: Source, body: Login) -> Any:
    """Exchange an address and a password for a session: an access token for ten minutes, and what renews it."""
    return cases.accounts.log_in(email=body.email, password=body.password.get_secret_value(), source=source)


@router.post(
    "/refresh",
    operation_id="refreshSession",
    response_model=SessionOut,
    responses=errors(401, with_body=True),
    summary="Renew a session",
)
def refresh_session(cases: UseCases, source: Source, body: RefreshTokenIn) -> Any:
    """Exchange a refresh token for the next pair, once. Presented a second time, it ends its session at once."""
    return cases.accounts.refresh_session(refresh_token=body.refresh_token.get_secret_value(), source=source)


@router.post(
    "/logout",
    operation_id="logOut",
    status_code=204,
    responses=errors(with_body=True),
    summary="Log out",
)
def log_out(cases: UseCases, source: Source, body: RefreshTokenIn) -> None:
    """End the session of a refresh token, at once. Other sessions go on, with their next refresh."""
    cases.accounts.log_out(refresh_token=body.refresh_token.get_secret_value(), source=source)


@router.post(
    "/logout-everywhere",
    operation_id="logOutEverywhere",
    status_code=204,
    responses=errors(401),
    summary="Log out everywhere",
)
def log_out_everywhere(cases: UseCases, token: Token) -> None:
    """End every session, this one too, at once."""
    cases.accounts.end_all_sessions(token)
