"""Accounts and sessions."""

from typing import Any

from fastapi import APIRouter

from tradebot_api.deps import Token, UseCases
from tradebot_api.routers.documented import errors
from tradebot_api.schemas.users import AccessTokenOut, Login, Registration, UserOut

router = APIRouter(tags=["accounts"])


@router.post(
    "/auth/register",
    operation_id="register",
    status_code=201,
    response_model=UserOut,
    responses=errors(409, with_body=True),
    summary="Open an account",
)
def register(cases: UseCases, body: Registration) -> Any:
    """Open an account with an address and a password."""
    return cases.register_user(email=body.email, password=body.password.get_secret_value())


@router.post(
    "/auth/login",
    operation_id="logIn",
    response_model=AccessTokenOut,
    responses=errors(401, with_body=True),
    summary="Log in",
)
def log_in(cases: UseCases, body: Login) -> Any:
    """Exchange an address and a password for an access token that lives ten minutes."""
    return cases.log_in(email=body.email, password=body.password.get_secret_value())


@router.get(
    "/users/me", operation_id="getMe", response_model=UserOut, responses=errors(401), summary="Show one's own account"
)
def get_me(cases: UseCases, token: Token) -> Any:
    """Show the account that the token belongs to."""
    return cases.get_user(token)
