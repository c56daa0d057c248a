"""What routes ask for: the use cases, the caller's token, and the parameters that several routes share."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BeforeValidator

from tradebot.bootstrap.api import ApiUseCases, api_use_cases
from tradebot.domain.span import Span as SpanOfTime
from tradebot.errors import AuthenticationError, InvalidInputError
from tradebot.security.tokens import AccessToken
from tradebot_api.schemas.fields import MAX_ID, written_date

_bearer = HTTPBearer(
    auto_error=False, bearerFormat="JWT", scheme_name="accessToken", description="The access token of a login."
)


def use_cases_of(app: Any) -> ApiUseCases:
    """Return the use cases that the app was made with, else the deployment's, made by the first request."""
    given: ApiUseCases | None = app.state.use_cases
    return given or api_use_cases()


def use_cases(request: Request) -> ApiUseCases:
    """Return the use cases of the request's app."""
    return use_cases_of(request.app)


UseCases = Annotated[ApiUseCases, Depends(use_cases)]


def source(request: Request) -> str | None:
    """Return the client's address as the gateway saw it. Headers, which a client writes as it likes, do not count."""
    event: Any = request.scope.get("aws.event") or {}
    address = event.get("requestContext", {}).get("http", {}).get("sourceIp")
    return address[:45] if isinstance(address, str) and address else None


Source = Annotated[str | None, Depends(source)]


def access_token(
    cases: UseCases, source: Source, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> AccessToken:
    """Return the caller's verified token. Raises AuthenticationError."""
    if credentials is None:
        raise AuthenticationError("Log in, and send the access token: Authorization: Bearer <token>.")
    return replace(cases.tokens.verify(credentials.credentials), source=source)


Token = Annotated[AccessToken, Depends(access_token)]
PathId = Annotated[int, Path(ge=1, le=MAX_ID, examples=[42])]
Limit = Annotated[int, Query(ge=1, le=200, description="Items of a page.")]
Cursor = Annotated[
    str | None,
    Query(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="The page before's `next_cursor`."),
]
Since = Annotated[
    datetime | None, BeforeValidator(written_date), Query(description="From this instant on (ISO-8601 with an offset).")
]
Until = Annotated[
    datetime | None, BeforeValidator(written_date), Query(description="Before this instant (ISO-8601 with an offset).")
]


def between(since: Since = None, until: Until = None) -> SpanOfTime:
    """Return the span that the caller asks for. Raises InvalidInputError for times that name no instant."""
    for name, at in (("since", since), ("until", until)):
        if at is not None and (at.tzinfo is None or not 1970 <= at.year < 9999):
            raise InvalidInputError(
                f"{name} needs an offset, such as Z, and a year from 1970 on.", field=f"query.{name}", rule="instant"
            )
    return SpanOfTime(since, until)


Span = Annotated[SpanOfTime, Depends(between)]
SymbolFilter = Annotated[
    str | None, Query(pattern=r"^[A-Z0-9]{2,20}(_[0-9]{6})?$", max_length=27, description="As Binance writes it.")
]


def revalidated(
    response: Response,
    if_none_match: Annotated[
        str | None, Header(max_length=1000, description="The `ETag` of the last answer: 304 where nothing has changed.")
    ] = None,
) -> None:
    """Let an answer be asked for again conditionally; `conditional` compares and answers 304."""
    del if_none_match
    response.headers["Cache-Control"] = REVALIDATED


#: What is polled may be kept by the client that asked, and by nobody else, as long as it asks each time.
REVALIDATED = "private, no-cache"
POLLED = [Depends(revalidated)]
