"""Accounts: registering, and what users change of their own."""

from typing import Any

from fastapi import APIRouter

from tradebot_api.deps import Source, Token, UseCases
from tradebot_api.routers.documented import errors
from tradebot_api.schemas.users import (
    AccountDeletion,
    AddressChange,
    ForgottenPassword,
    MailedOut,
    PasswordChange,
    PasswordReset,
    ProfilePatch,
    Registration,
    UserOut,
    Verification,
)

router = APIRouter(tags=["accounts"])
_MAILED = {"notice": "If the address can be used, a mail with what to do next is on its way to it."}


@router.post(
    "/auth/register",
    operation_id="register",
    status_code=202,
    response_model=MailedOut,
    responses=errors(429, with_body=True),
    summary="Open an account",
)
def register(cases: UseCases, source: Source, body: Registration) -> Any:
    """Open an account. It counts once its address is confirmed by the token that is mailed to it."""
    cases.accounts.register(email=body.email, password=body.password.get_secret_value(), source=source)
    return _MAILED


@router.post(
    "/auth/verify",
    operation_id="verifyAddress",
    status_code=204,
    responses=errors(409, 429, with_body=True),
    summary="Confirm an address",
)
def verify_address(cases: UseCases, source: Source, body: Verification) -> None:
    """Confirm the address of a new account, or a changed one, by the newest token that was mailed to it."""
    cases.accounts.verify_address(token=body.token.get_secret_value(), source=source)


@router.post(
    "/auth/forgot-password",
    operation_id="forgotPassword",
    status_code=202,
    response_model=MailedOut,
    responses=errors(429, with_body=True),
    summary="Ask for a new password",
)
def forgot_password(cases: UseCases, source: Source, body: ForgottenPassword) -> Any:
    """Have a token mailed that sets a new password within ten minutes."""
    cases.accounts.request_password_reset(email=body.email, source=source)
    return _MAILED


@router.post(
    "/auth/reset-password",
    operation_id="resetPassword",
    status_code=204,
    responses=errors(429, with_body=True),
    summary="Set a new password",
)
def reset_password(cases: UseCases, source: Source, body: PasswordReset) -> None:
    """Set a new password by the newest token that was mailed. Every session ends."""
    cases.accounts.reset_password(
        token=body.token.get_secret_value(), password=body.password.get_secret_value(), source=source
    )


@router.get(
    "/users/me", operation_id="getMe", response_model=UserOut, responses=errors(401), summary="Show one's own account"
)
def get_me(cases: UseCases, token: Token) -> Any:
    """Show the account that the token belongs to."""
    return cases.accounts.get(token)


@router.patch(
    "/users/me",
    operation_id="updateMe",
    response_model=UserOut,
    responses=errors(401, with_body=True),
    summary="Change one's own profile",
)
def update_me(cases: UseCases, token: Token, body: ProfilePatch) -> Any:
    """Change what the body names."""
    return cases.accounts.update_profile(token, body.model_dump(exclude_unset=True))


@router.post(
    "/users/me/password",
    operation_id="changePassword",
    status_code=204,
    responses=errors(401, 409, 429, with_body=True),
    summary="Change the password",
)
def change_password(cases: UseCases, token: Token, body: PasswordChange) -> None:
    """Set another password. Every session ends, this one too."""
    cases.accounts.change_password(
        token, password=body.password.get_secret_value(), new_password=body.new_password.get_secret_value()
    )


@router.post(
    "/users/me/email",
    operation_id="changeAddress",
    status_code=202,
    response_model=MailedOut,
    responses=errors(401, 429, with_body=True),
    summary="Change the address",
)
def change_address(cases: UseCases, token: Token, body: AddressChange) -> Any:
    """Have a token mailed to another address. When it comes back the address changes and every session ends."""
    cases.accounts.change_address(token, password=body.password.get_secret_value(), new_email=body.new_email)
    return _MAILED


@router.post(
    "/users/me/deletion",
    operation_id="deleteAccount",
    status_code=204,
    responses=errors(401, 409, 429, with_body=True),
    summary="Delete the account",
)
def delete_account(cases: UseCases, token: Token, body: AccountDeletion) -> None:
    """Delete the account with its keys, bots, orders, trades, backtests, sessions and audit log, for good."""
    cases.accounts.delete(token, password=body.password.get_secret_value(), position=body.position)
