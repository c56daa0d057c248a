"""What a request to an AWS service asks for, and whether a role's policies, as deployed, allow it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from infra.local.cloud.functions import ACCOUNT_ID
from infra.local.cloud.lambda_service import INVOKE_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.local.cloud.wire import Request

CREDENTIAL = re.compile(r"Credential=(?P<key>[A-Z0-9]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
#: X-Amz-Target's prefixes, as the policies' services are called.
TARGETS = {
    "TrentService": "kms",
    "secretsmanager": "secretsmanager",
    "AWSEvents": "events",
    "AWSStepFunctions": "states",
}
OBJECT_ACTIONS = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}
#: KMS asks for both where a key is exchanged under itself.
SEVERAL = {"kms:ReEncrypt": ("kms:ReEncryptFrom", "kms:ReEncryptTo")}


@dataclass(frozen=True)
class Asked:
    """One action on one resource, with what conditions may look at."""

    access_key: str
    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Grant:
    """One action of one statement of a role."""

    role: str
    sid: str
    action: str
    resources: tuple[str, ...]
    condition: str

    def allows(self, asked: Asked) -> bool:
        """Tell whether it covers what was asked."""
        return (
            self.action == asked.action
            and any(fnmatchcase(asked.resource, pattern) for pattern in self.resources)
            and _holds(json.loads(self.condition), dict(asked.context))
        )


def _holds(condition: dict[str, dict[str, Any]], context: Mapping[str, str]) -> bool:
    for operator, wanted in condition.items():
        if operator not in {"StringEquals", "StringLike", "Bool"}:
            raise NotImplementedError(operator)
        for key, values in wanted.items():
            patterns = values if isinstance(values, list) else [values]
            given = context.get(key)
            if given is None or not any(fnmatchcase(given, str(pattern)) for pattern in patterns):
                return False
    return True


def grants_of(role: str, documents: list[Any]) -> Iterator[Grant]:
    """Yield every action of a role's policies."""
    for document in documents:
        for statement in document["Statement"]:
            assert statement["Effect"] == "Allow"
            resources = statement["Resource"]
            for action in statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]:
                yield Grant(
                    role,
                    statement["Sid"],
                    action,
                    tuple(resources if isinstance(resources, list) else [resources]),
                    json.dumps(statement.get("Condition", {}), sort_keys=True),
                )


def asked_by(request: Request, region: str) -> list[Asked]:
    """Return what a request asks for; nothing where nobody signed it."""
    found = CREDENTIAL.search(request.header("authorization"))
    query = parse_qs(request.query, keep_blank_values=True)
    if found is None and "X-Amz-Credential" in query:
        found = CREDENTIAL.search(f"Credential={query['X-Amz-Credential'][0]}")
    if found is None:
        return []
    action, resource, context = _read(request, found["service"], region, query)
    actions = SEVERAL.get(action, (action,))
    return [Asked(found["key"], one, resource, tuple(sorted(context.items()))) for one in actions]


def _read(request: Request, service: str, region: str, query: Mapping[str, Any]) -> tuple[str, str, dict[str, str]]:
    prefix = f"arn:aws:{service}:{region}:{ACCOUNT_ID}:"
    if invoked := INVOKE_PATH.match(request.path):
        name = unquote(invoked["name"]).rpartition(":")[2]
        return "lambda:InvokeFunction", f"{prefix}function:{name}", {}
    if service == "s3":
        return _read_s3(request, query)
    body = json.loads(request.body or b"{}")
    if service == "ses":
        sender = body["FromEmailAddress"]
        return "ses:SendEmail", f"{prefix}identity/{sender}", {"ses:FromAddress": sender}
    target, _, operation = request.header("x-amz-target").partition(".")
    return f"{TARGETS[target]}:{operation}", *_resource(service, prefix, body)


def _resource(service: str, prefix: str, body: Any) -> tuple[str, dict[str, str]]:
    if service == "kms":
        key = body.get("KeyId") or body["DestinationKeyId"]
        encryption = body.get("EncryptionContext") or body["SourceEncryptionContext"]
        context = {f"kms:EncryptionContext:{name}": value for name, value in encryption.items()}
        if "DestinationKeyId" in body:
            context["kms:ReEncryptOnSameKey"] = str(body["DestinationKeyId"] == body.get("SourceKeyId")).lower()
        return key, context
    if service == "secretsmanager":
        return f"{prefix}secret:{body['SecretId']}-random", {}
    if service == "events":
        return f"{prefix}rule/{body['Name']}", {}
    if service == "states":
        return body.get("executionArn") or body["stateMachineArn"], {}
    raise NotImplementedError(service)


def _read_s3(request: Request, query: Mapping[str, Any]) -> tuple[str, str, dict[str, str]]:
    bucket, _, key = unquote(request.path).lstrip("/").partition("/")
    if not key and request.method == "GET":
        return "s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": query.get("prefix", [""])[0]}
    if not key and "delete" in query:
        keys = re.findall(r"<Key>(.*?)</Key>", request.body.decode())
        return "s3:DeleteObject", f"arn:aws:s3:::{bucket}/{keys[0]}", {}
    return OBJECT_ACTIONS[request.method], f"arn:aws:s3:::{bucket}/{key}", {}
