"""Whether the service answers."""

from pydantic import ConfigDict, Field

from tradebot_api.schemas.fields import Out


class HealthOut(Out):
    """The API runs and its database answers."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "ok"}})

    status: str = Field(default="ok", pattern="^ok$")
