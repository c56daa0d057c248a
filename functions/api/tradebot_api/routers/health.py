"""Whether the service answers."""

from typing import Any

from fastapi import APIRouter

from tradebot_api.deps import UseCases
from tradebot_api.routers.documented import errors
from tradebot_api.schemas.health import HealthOut

router = APIRouter(tags=["service"])


@router.get(
    "/health", operation_id="getHealth", response_model=HealthOut, responses=errors(), summary="Ask whether it answers"
)
def get_health(cases: UseCases) -> Any:
    """Answer when the database has answered."""
    cases.check_health()
    return {"status": "ok"}
