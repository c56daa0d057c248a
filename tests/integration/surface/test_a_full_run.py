"""What a full run shows: each role asks for what it is granted and no more, and no secret lies anywhere in clear."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.cloud.functions import access_key_of
from infra.local.cloud.lambda_service import INVOKE_PATH
from tests.integration.surface.full_run import FullRun
from tests.integration.surface.permissions import asked_by, grants_of

if TYPE_CHECKING:
    from tests.integration.surface.conftest import Surface
    from tests.integration.surface.permissions import Asked, Grant

#: By action, or by role, statement and action: why it is granted though nothing here asks for it.
NOT_ASKED_HERE = {
    "logs:CreateLogStream": "Lambda writes a function's output, under the function's role; here it goes to files",
    "logs:PutLogEvents": "as above",
    "sqs:SendMessage": "Lambda reports a failed event, under the function's role; here the runtime does, under none",
    "DispatcherRole StopTicking events:EnableRule": "a bot starts between its looks: tests/integration/dispatcher",
    "BacktestFetchRole ReadAndWriteCandles s3:GetObject": "parts are read once their month is over; here it is not",
    "BacktestSimulateRole CarryStates s3:GetObject": "a backtest longer than one invocation goes on from its state",
    "BotRunnerRole TellUsers lambda:InvokeFunction": "no bot of it is stopped out: tests/integration/bot_runner",
    "MaintenanceRole PostWebhooks lambda:InvokeFunction": "nobody of it has a webhook: tests/integration/webhooks",
    "ApiRole DeriveWebhookSecrets secretsmanager:GetSecretValue": "as above: tests/integration/api",
    "MaintenanceRole DeriveWebhookSecrets secretsmanager:GetSecretValue": "as above",
    "s3:ListBucket": "without it S3 answers 403 for an object that is not there, where 404 is waited for",
}


@pytest.fixture(scope="module")
def full_run(surface: Surface) -> FullRun:
    """Everything, once."""
    run = FullRun(surface)
    run.go()
    return run


def roles(surface: Surface) -> dict[str, str]:
    """Return the logical id of each function's role by the access key of its sessions."""
    return {
        access_key_of(spec.role_arn): f"{function.removesuffix('Function')}Role"
        for function, spec in surface.machine.cloud.functions.items()
    }


def granted(surface: Surface) -> list[Grant]:
    """Return what the functions' roles are granted, as the deployment resolved it."""
    iam = surface.client("iam")
    found: list[Grant] = []
    for function, spec in surface.machine.cloud.functions.items():
        name = spec.role_arn.rpartition("/")[2]
        documents = [
            # moto keeps what CloudFormation resolved as Python writes it.
            ast.literal_eval(iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        ]
        found += grants_of(f"{function.removesuffix('Function')}Role", documents)
    return found


def asked(surface: Surface) -> list[tuple[str, Asked]]:
    """Return everything that a function's role asked of AWS."""
    known = roles(surface)
    every = {one for request in list(surface.requests) for one in asked_by(request, surface.machine.cloud.region)}
    return [(known[one.access_key], one) for one in every if one.access_key in known]


def test_no_role_asks_for_what_it_is_not_granted(surface: Surface, full_run: FullRun) -> None:
    grants = granted(surface)
    beyond = [
        (role, one.action, one.resource, one.context)
        for role, one in asked(surface)
        if not any(grant.role == role and grant.allows(one) for grant in grants)
    ]
    assert beyond == []


def test_every_grant_is_asked_for_or_says_why_not(surface: Surface, full_run: FullRun) -> None:
    everything = asked(surface)
    unused = [
        f"{grant.role} {grant.sid} {grant.action}"
        for grant in granted(surface)
        if grant.action not in NOT_ASKED_HERE
        and f"{grant.role} {grant.sid} {grant.action}" not in NOT_ASKED_HERE
        and not any(role == grant.role and grant.allows(one) for role, one in everything)
    ]
    assert unused == []


def dump(surface: Surface) -> str:
    """Return every row of every table as text."""
    tables = surface.run("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
    return "\n".join(str(surface.run(f'SELECT to_jsonb(t)::text FROM "{table}" t')) for (table,) in tables)


def workflows(surface: Surface) -> str:
    """Return all inputs and outputs of the workflow."""
    states, found = surface.client("stepfunctions"), []
    for machine in states.list_state_machines()["stateMachines"]:
        for execution in states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]:
            found.append(states.describe_execution(executionArn=execution["executionArn"]))
            found.append(states.get_execution_history(executionArn=execution["executionArn"])["events"])
    assert found
    return json.dumps(found, default=str)


def failures(surface: Surface) -> str:
    """Return what lies in the queues of failed events."""
    sqs = surface.client("sqs")
    urls = sqs.list_queues().get("QueueUrls", [])
    return json.dumps([sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10) for url in urls], default=str)


def objects(surface: Surface) -> str:
    """Return every object of every bucket."""
    s3, found = surface.client("s3"), []
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=name).get("Contents", [])]
        found += [s3.get_object(Bucket=name, Key=key)["Body"].read().decode("latin-1") for key in keys]
    return "\n".join(found)


def test_no_secret_lies_in_logs_answers_events_rows_workflows_or_objects(surface: Surface, full_run: FullRun) -> None:
    logs = {path.name: path.read_text() for path in surface.machine.cloud.log_directory.iterdir()}
    events = [request.body.decode() for request in list(surface.requests) if INVOKE_PATH.match(request.path)]
    canaries = {**full_run.secrets, "signing key": signing_key(surface)}
    places: dict[str, Any] = {
        **logs,
        "answers": "\n".join(full_run.answers),
        "events": "\n".join(events),
        "rows": dump(surface),
        "workflows": workflows(surface),
        "failed events": failures(surface),
        "objects": objects(surface),
    }
    assert len(logs) == len(surface.machine.cloud.functions)
    assert all(places[name] for name in ("answers", "events", "rows", "workflows"))
    assert len(canaries) >= 12
    found = [(name, place) for place, text in places.items() for name, secret in canaries.items() if secret in text]
    assert found == []


def signing_key(surface: Surface) -> str:
    """Return what signs tokens."""
    secrets = surface.client("secretsmanager")
    (name,) = [one["Name"] for one in secrets.list_secrets()["SecretList"] if one["Name"].endswith("token-secret")]
    return str(json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])["signing_key"])
