"""Both templates as CloudFormation gets them, in each of their deployments, for the tests beside."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from infra.local.cloud.translate import translate

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
#: The deployment on AWS, and the one on a machine.
AURORA = {"Database": "aurora", "Tracing": "on", "DatabaseCaFile": "/opt/certificates/rds.pem"}
EXTERNAL = {"Database": "external", "Tracing": "off"}
DEPLOYMENTS = {"aurora": AURORA, "external": EXTERNAL}
#: Actions for which AWS knows no resource; each place says so in the template.
WITHOUT_RESOURCE = {"TracingPolicy", "NetworkPolicy", "BacktestRole"}
#: Lambda's limit.
MAX_LAYERS = 5

Json = dict[str, Any]


@cache
def resources(deployment: str) -> Json:
    """Return the resources of template.yaml as CloudFormation gets them in that deployment."""
    body: Json = translate(ROOT / "template.yaml", DEPLOYMENTS[deployment], region=REGION).body["Resources"]
    return body


@cache
def foundation(database: str) -> Json:
    given = {"Database": database, "MailSender": "desk@example.com"}
    body: Json = translate(ROOT / "infra" / "foundation.yaml", given, region=REGION).body["Resources"]
    return body


def of_type(deployment: str, kind: str) -> Json:
    return {key: entry["Properties"] for key, entry in resources(deployment).items() if entry["Type"] == kind}


def functions(deployment: str = "aurora") -> Json:
    return of_type(deployment, "AWS::Lambda::Function")


FUNCTIONS = sorted(functions())
every_function = pytest.mark.parametrize("function", FUNCTIONS)
every_deployment = pytest.mark.parametrize("deployment", sorted(DEPLOYMENTS))


def stem(function: str) -> str:
    """BotRunnerFunction -> bot-runner."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", function.removesuffix("Function")).lower()


def role_of(function: str, deployment: str = "aurora") -> str:
    name: str = functions(deployment)[function]["Role"]["Fn::GetAtt"][0]
    return name


def statements(deployment: str, holder: str) -> list[Json]:
    """Return the statements of a role or managed policy, actions and resources always as lists."""
    properties = resources(deployment)[holder]["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
    return [
        {**statement, "Action": as_list(statement["Action"]), "Resource": as_list(statement["Resource"])}
        for document in documents
        for statement in document["Statement"]
    ]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def holders(deployment: str) -> list[str]:
    kinds = {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"}
    return [key for key, entry in resources(deployment).items() if entry["Type"] in kinds]


def granted(deployment: str, action: str) -> dict[str, list[Any]]:
    """Return who is granted an action, and on what."""
    found: dict[str, list[Any]] = {}
    for holder in holders(deployment):
        for statement in statements(deployment, holder):
            if statement["Effect"] == "Allow" and action in statement["Action"]:
                found.setdefault(holder, []).extend(statement["Resource"])
    return found


def variables(function: Json) -> Json:
    values: Json = function["Environment"]["Variables"]
    return values


def published_parameters(database: str, stage: str = "dev") -> Json:
    found = {
        entry["Properties"]["Name"]["Fn::Sub"].replace("${Stage}", stage): entry["Properties"]["Value"]
        for entry in foundation(database).values()
        if entry["Type"] == "AWS::SSM::Parameter"
    }
    assert found
    return found
