"""What routes ask for: the use cases, the caller's token, and the parameters that several routes share."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from tradebot.bootstrap import ApiUseCases, api_use_cases
from tradebot.errors import AuthenticationError
from tradebot.security.tokens import AccessToken
from tradebot_api.schemas.fields import MAX_ID

_bearer = HTTPBearer(
    auto_error=False, bearerFormat="JWT", scheme_name="accessToken", description="The access token of a login."
)


def use_cases(request: Request) -> ApiUseCases:
    """Return the use cases that the app was made with, else the deployment's, made by the first request."""
    given: ApiUseCases | None = request.app.state.use_cases
    return given or api_use_cases()


UseCases = Annotated[ApiUseCases, Depends(use_cases)]


def access_token(
    cases: UseCases, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> AccessToken:
    """Return the caller's verified token. Raises AuthenticationError."""
    if credentials is None:
        raise AuthenticationError("Log in, and send the access token: Authorization: Bearer <token>.")
    return cases.tokens.verify(credentials.credentials)


Token = Annotated[AccessToken, Depends(access_token)]
PathId = Annotated[int, Path(ge=1, le=MAX_ID, examples=[42])]
Limit = Annotated[int, Query(ge=1, le=200, description="Items of a page.")]
Cursor = Annotated[
    str | None,
    Query(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="The page before's `next_cursor`."),
]
