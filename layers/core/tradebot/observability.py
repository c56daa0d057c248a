"""Logs, metrics and traces: one JSON line per event, metrics inside the log (EMF), X-Ray only where it is switched on.

Metrics carry no bot or user as a dimension: each distinct value would be billed as a metric of its own.
"""

from __future__ import annotations

from functools import cache, wraps
from typing import TYPE_CHECKING, Any

from tradebot.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools import Logger, Metrics, Tracer
    from aws_lambda_powertools.utilities.typing import LambdaContext

    Handler = Callable[[Any, LambdaContext], Any]


@cache
def logger() -> Logger:
    """Return the process's logger; its service name and level come from the POWERTOOLS_* environment."""
    from aws_lambda_powertools import Logger  # noqa: PLC0415  nothing is made at import, and 60 ms are saved there

    return Logger(utc=True, log_uncaught_exceptions=False)


@cache
def metrics() -> Metrics:
    """Return the process's metrics (EMF, namespace from the environment), flushed at the end of each invocation."""
    from aws_lambda_powertools import Metrics  # noqa: PLC0415  see logger()

    return Metrics()


@cache
def tracer_or_none() -> Tracer | None:
    """Return the tracer where TRACING is `on`. Where it is off the X-Ray SDK (0.4 s of import) is not loaded at all."""
    if not load_settings().tracing_enabled:
        return None
    from aws_lambda_powertools import Tracer  # noqa: PLC0415  see above

    return Tracer(auto_patch=False)


def bind(**identifiers: object) -> None:
    """Add identifiers (bot_config_id, tick_at, ...) to every further log line of this invocation."""
    logger().append_keys(**identifiers)


def count(name: str, value: float = 1) -> None:
    """Add `value` to the invocation's counter `name` (CamelCase, unit Count)."""
    from aws_lambda_powertools.metrics import MetricUnit  # noqa: PLC0415  see logger()

    metrics().add_metric(name=name, unit=MetricUnit.Count, value=value)


def measure_milliseconds(name: str, milliseconds: float) -> None:
    """Record a duration of this invocation."""
    from aws_lambda_powertools.metrics import MetricUnit  # noqa: PLC0415  see logger()

    metrics().add_metric(name=name, unit=MetricUnit.Milliseconds, value=milliseconds)


def observed(handler: Handler) -> Handler:
    """Wrap a Lambda handler: ids on every line, an error logged once, metrics flushed, traced where that is on."""
    wrapped: Handler | None = None

    @wraps(handler)
    def observing(event: Any, context: LambdaContext) -> Any:
        nonlocal wrapped
        if wrapped is None:
            wrapped = _wrap(handler)
        return wrapped(event, context)

    return observing


def _wrap(handler: Handler) -> Handler:
    @wraps(handler)
    def logging_errors(event: Any, context: LambdaContext) -> Any:
        try:
            return handler(event, context)
        except Exception:
            logger().exception("invocation failed")
            raise

    wrapped: Handler = logging_errors
    tracer = tracer_or_none()
    if tracer is not None:
        # Responses may hold what must not be kept by a tracing service.
        wrapped = tracer.capture_lambda_handler(wrapped, capture_response=False)
    return logger().inject_lambda_context(_flushing_metrics(wrapped), clear_state=True)


def _flushing_metrics(handler: Handler) -> Handler:
    @wraps(handler)
    def flushing(event: Any, context: LambdaContext) -> Any:
        try:
            return handler(event, context)
        finally:
            # powertools' own decorator warns on each invocation that had nothing to count.
            if metrics().metric_set:
                metrics().flush_metrics()

    return flushing
