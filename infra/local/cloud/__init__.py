"""The same template on one machine: moto's CloudFormation, functions in processes of their own, schedules, HTTP."""

from infra.local.cloud.invocation import InvokeResult
from infra.local.cloud.local_cloud import LocalCloud, PortTakenError, preload
from infra.local.cloud.translate import TemplateError

__all__ = ["InvokeResult", "LocalCloud", "PortTakenError", "TemplateError", "preload"]
