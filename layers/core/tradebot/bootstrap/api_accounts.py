"""What the API's routes of accounts, sessions, notifications and the audit log call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.bootstrap.messages import request_mail, webhook_secrets

if TYPE_CHECKING:
    from tradebot.security.tokens import TokenAuthority
    from tradebot.services.change_account import ChangeAddress, ChangePassword, UpdateProfile
    from tradebot.services.close_positions import ClosePositions
    from tradebot.services.delete_account import DeleteAccount
    from tradebot.services.end_sessions import EndAllSessions, LogOut
    from tradebot.services.get_user import GetUser
    from tradebot.services.log_in import LogIn
    from tradebot.services.notification_settings import NotificationSettings
    from tradebot.services.read_audit_events import ReadAuditEvents
    from tradebot.services.refresh_session import RefreshSession
    from tradebot.services.register_user import RegisterUser
    from tradebot.services.reset_password import RequestPasswordReset, ResetPassword
    from tradebot.services.user_sessions import OpenSession, UserSessions
    from tradebot.services.verify_address import VerifyAddress


@dataclass(frozen=True, slots=True)
class AccountUseCases:
    """What a user does with the account."""

    register: RegisterUser
    verify_address: VerifyAddress
    log_in: LogIn
    refresh_session: RefreshSession
    log_out: LogOut
    end_all_sessions: EndAllSessions
    request_password_reset: RequestPasswordReset
    reset_password: ResetPassword
    get: GetUser
    update_profile: UpdateProfile
    change_password: ChangePassword
    change_address: ChangeAddress
    delete: DeleteAccount
    audit_events: ReadAuditEvents
    notifications: NotificationSettings


def account_use_cases(
    session: OpenSession, sessions: UserSessions, tokens: TokenAuthority, close_positions: ClosePositions
) -> AccountUseCases:
    """Return them (MAINTENANCE_FUNCTION, WEBHOOK_SECRET_ID)."""
    from tradebot.security.passwords import PasswordHasher
    from tradebot.services.change_account import ChangeAddress, ChangePassword, ConfirmPassword, UpdateProfile
    from tradebot.services.delete_account import DeleteAccount
    from tradebot.services.end_sessions import EndAllSessions, LogOut
    from tradebot.services.get_user import GetUser
    from tradebot.services.log_in import LogIn
    from tradebot.services.notification_settings import NotificationSettings
    from tradebot.services.read_audit_events import ReadAuditEvents
    from tradebot.services.refresh_session import RefreshSession
    from tradebot.services.register_user import RegisterUser
    from tradebot.services.reset_password import RequestPasswordReset, ResetPassword
    from tradebot.services.throttle import Throttle
    from tradebot.services.verify_address import VerifyAddress

    passwords = PasswordHasher()
    throttle = Throttle(session)
    confirm_password = ConfirmPassword(sessions, throttle, passwords)
    return AccountUseCases(
        register=RegisterUser(session, throttle, passwords, request_mail()),
        verify_address=VerifyAddress(session, throttle, request_mail()),
        log_in=LogIn(session, throttle, passwords, tokens),
        refresh_session=RefreshSession(session, tokens),
        log_out=LogOut(session),
        end_all_sessions=EndAllSessions(sessions),
        request_password_reset=RequestPasswordReset(session, throttle, request_mail()),
        reset_password=ResetPassword(session, throttle, passwords, request_mail()),
        get=GetUser(sessions),
        update_profile=UpdateProfile(sessions),
        change_password=ChangePassword(sessions, confirm_password, passwords, request_mail()),
        change_address=ChangeAddress(sessions, confirm_password, throttle, request_mail()),
        delete=DeleteAccount(sessions, confirm_password, close_positions),
        audit_events=ReadAuditEvents(sessions),
        notifications=NotificationSettings(sessions, throttle, webhook_secrets(), request_mail()),
    )
