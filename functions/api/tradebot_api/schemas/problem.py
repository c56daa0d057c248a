"""RFC 9457 problem details, the shape of every error."""

from pydantic import BaseModel, Field


class ProblemField(BaseModel):
    """One rule that one field breaks."""

    field: str = Field(description="Path of the field: `stop_loss_perc`, `query.limit`, `path.id`.")
    rule: str = Field(description="Stable name of the rule.")
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="Stable identifier of the kind of problem.")
    title: str = Field(description="The kind of problem, in words.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What happened this time, and what to do about it.")
    instance: str = Field(description="Path of the request.")
    request_id: str = Field(description="Names this request in the logs.")
    errors: list[ProblemField] = Field(default=[], description="Which fields break which rules.")
