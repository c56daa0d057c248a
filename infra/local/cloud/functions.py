"""A function as the deployed stack describes it, and the environment that its processes get."""

from __future__ import annotations

import hashlib
import os
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

ACCOUNT_ID = "123456789012"  # moto's
#: Of the supervisor's environment only what a process needs to start at all.
INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
#: What Lambda itself adds: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
RESERVED = (
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_XRAY_CONTEXT_MISSING",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "LANG",
    "PATH",
    "PYTHONPATH",
    "TZ",
    "_HANDLER",
)
#: What this machine adds beyond Lambda: where the services are, and that nothing of the user's AWS setup is to be read.
ADDED = ("AWS_CONFIG_FILE", "AWS_EC2_METADATA_DISABLED", "AWS_ENDPOINT_URL", "AWS_SHARED_CREDENTIALS_FILE")


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """An AWS::Lambda::EventInvokeConfig, with Lambda's defaults where the template says nothing."""

    maximum_retry_attempts: int = 2
    maximum_event_age_seconds: int = 6 * 60 * 60
    on_failure_arn: str | None = None
    on_success_arn: str | None = None


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """Everything that running a function takes."""

    logical_id: str
    name: str
    arn: str
    handler: str
    runtime: str
    role_arn: str
    timeout_seconds: float
    memory_mb: int
    environment: dict[str, str]
    code_root: Path
    layer_roots: tuple[Path, ...] = ()
    reserved_concurrency: int | None = None
    retries: RetrySettings = field(default_factory=RetrySettings)

    @property
    def region(self) -> str:
        """The region of its ARN."""
        return self.arn.split(":")[3]

    @property
    def python_path(self) -> str:
        """Import roots in Lambda's order: the task, the layers, then what comes with the runtime."""
        packages = sysconfig.get_paths()
        roots = [self.code_root, *self.layer_roots, Path(packages["purelib"]), Path(packages["platlib"])]
        return os.pathsep.join(dict.fromkeys(str(root) for root in roots))


def access_key_of(role_arn: str) -> str:
    """Return the access key id of a role's sessions, by which a recorded call can be traced to the role."""
    return "ASIA" + hashlib.sha256(role_arn.encode()).hexdigest()[:16].upper()


def process_environment(spec: FunctionSpec, *, endpoint_url: str, runtime_api: str, log_stream: str) -> dict[str, str]:
    """Return the whole environment of one of the function's processes."""
    runtime_root = Path(__file__).resolve().parent
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment |= {
        "AWS_ACCESS_KEY_ID": access_key_of(spec.role_arn),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_REGION": spec.region,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LAMBDA_RUNTIME_DIR": str(runtime_root),
        "LAMBDA_TASK_ROOT": str(spec.code_root),
        "LANG": "en_US.UTF-8",
        "PYTHONPATH": spec.python_path,
        "TZ": ":UTC",
        "_HANDLER": spec.handler,
    }
    return environment | spec.environment
