"""Both templates into moto's CloudFormation, and what came of them as functions, routes and permissions."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from moto.awslambda.models import lambda_backends
from moto.cloudformation.models import cloudformation_backends
from moto.moto_api._internal.models import moto_api_backend

from infra.local.cloud.functions import ACCOUNT_ID, FunctionSpec, RetrySettings
from infra.local.cloud.resource_types import LINTED_ONLY
from infra.local.cloud.resources import INTERPRETED, Deployment, deploying, executed_types
from infra.local.cloud.translate import CODE_BUCKET, Template, TemplateError

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]
#: Properties of a function that would change what it does here and are not interpreted.
NOT_CARRIED_OUT = frozenset({"DeadLetterConfig", "FileSystemConfigs", "ImageConfig", "LoggingConfig", "SnapStart"})
logger = logging.getLogger(__name__)


def deploy(name: str, template: Template, deployment: Deployment, region: str) -> dict[str, str]:
    """Create the stack `name`; return its outputs. Raises TemplateError where a resource cannot be made."""
    resources = template.body["Resources"]
    carried_out = INTERPRETED.keys() | executed_types()
    unknown = sorted({entry["Type"] for entry in resources.values()} - carried_out - LINTED_ONLY.keys())
    if unknown:
        logger.warning("nothing is done about resources of type %s", ", ".join(unknown))
    body = {
        **template.body,
        "Resources": {
            logical_id: entry
            for logical_id, entry in resources.items()
            if entry["Type"] in carried_out and entry["Type"] not in LINTED_ONLY
        },
    }
    backend = cloudformation_backends[ACCOUNT_ID][region]
    with deploying(deployment):
        try:
            stack = backend.create_stack(name, json.dumps(body), dict(template.parameters))
        except Exception as error:
            raise TemplateError(f"{template.path.name} cannot be deployed: {error!r}") from error
    if stack.status != "CREATE_COMPLETE":
        raise TemplateError(f"{template.path.name} cannot be deployed: its stack is {stack.status}")
    return {output.key: output.value for output in stack.output_map.values() if output is not None}


def forget_everything() -> None:
    """Empty moto: its state is the process's, and another local cloud may have left some."""
    moto_api_backend.reset()


def function_specs(deployment: Deployment, code_roots: dict[str, Path]) -> dict[str, FunctionSpec]:
    """Return every deployed function by its name. Raises TemplateError on what cannot run here."""
    retries = {_function_name(config["FunctionName"]): config for config in deployment.event_invoke_configs}
    specs = {}
    for logical_id, properties in deployment.functions.items():
        name = properties["FunctionName"]
        code_root = code_roots.get(properties["CodeKey"])
        if code_root is None:
            raise TemplateError(f"{logical_id}: only functions with a local CodeUri run here")
        unsupported = sorted(NOT_CARRIED_OUT & properties.keys())
        if unsupported:
            raise TemplateError(f"{logical_id}: {', '.join(unsupported)} is not carried out here")
        reserved = properties.get("ReservedConcurrentExecutions")
        specs[name] = FunctionSpec(
            logical_id=logical_id,
            name=name,
            arn=properties["Arn"],
            handler=properties["Handler"],
            runtime=properties["Runtime"],
            role_arn=properties["Role"],
            timeout_seconds=float(properties.get("Timeout", 3)),
            memory_mb=int(properties.get("MemorySize", 128)),
            environment={key: str(value) for key, value in _variables(properties).items()},
            code_root=code_root,
            layer_roots=tuple(_layer_root(arn, deployment, code_roots) for arn in properties.get("Layers", [])),
            reserved_concurrency=None if reserved is None else int(reserved),
            retries=_retry_settings(retries.get(name, {})),
        )
    return specs


def _variables(properties: Json) -> Json:
    variables: Json = (properties.get("Environment") or {}).get("Variables") or {}
    return variables


def _function_name(name_or_arn: str) -> str:
    return name_or_arn.rsplit(":", 1)[-1]


def _layer_root(arn: str, deployment: Deployment, code_roots: dict[str, Path]) -> Path:
    key = deployment.layers.get(arn)
    if key is None or key not in code_roots:
        raise TemplateError(f"the layer {arn} has no local folder (of {CODE_BUCKET})")
    root = code_roots[key]
    # A layer's content lands under /opt, of which Python looks into /opt/python; a folder built by makefile holds
    # what its Makefile will copy there.
    return root / "python" if (root / "python").is_dir() else root


def _retry_settings(config: Json) -> RetrySettings:
    destinations = config.get("DestinationConfig") or {}
    defaults = RetrySettings()
    found = {key: (destinations.get(key) or {}).get("Destination") for key in ("OnFailure", "OnSuccess")}
    for arn in found.values():
        if arn and not arn.startswith("arn:aws:sqs:"):
            raise TemplateError(f"the destination {arn} is not carried out here: only SQS queues are")
    return RetrySettings(
        maximum_retry_attempts=int(config.get("MaximumRetryAttempts", defaults.maximum_retry_attempts)),
        maximum_event_age_seconds=int(config.get("MaximumEventAgeInSeconds", defaults.maximum_event_age_seconds)),
        on_failure_arn=found["OnFailure"],
        on_success_arn=found["OnSuccess"],
    )


def may_invoke(function_name: str, region: str, *, principal: str, source_arn: str) -> bool:
    """Whether the function's policy (its AWS::Lambda::Permission resources) lets that service invoke it."""
    from fnmatch import fnmatchcase  # noqa: PLC0415

    function = lambda_backends[ACCOUNT_ID][region].get_function(function_name)
    for statement in function.policy.statements:
        patterns = (statement.get("Condition") or {}).get("ArnLike", {})
        pattern = patterns.get("AWS:SourceArn", "*")
        if (statement.get("Principal") or {}).get("Service") == principal and fnmatchcase(source_arn, pattern):
            return True
    return False
