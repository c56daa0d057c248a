"""Who may do what: the roles of template.yaml and the policy of the key."""

from __future__ import annotations

import re

from infra.local.cloud.translate import load
from tests.architecture.templates import (
    FUNCTIONS,
    ROOT,
    WITHOUT_RESOURCE,
    every_deployment,
    every_function,
    foundation,
    functions,
    granted,
    holders,
    of_type,
    published_parameters,
    resources,
    role_of,
    statements,
    variables,
)
from tradebot.services.post_webhooks import GRACE_SECONDS, TOTAL_SECONDS


@every_deployment
def test_no_role_is_granted_an_action_by_wildcard(deployment: str) -> None:
    actions = [
        (holder, action)
        for holder in holders(deployment)
        for s in statements(deployment, holder)
        for action in s["Action"]
    ]
    assert len(actions) > 20
    assert [(holder, action) for holder, action in actions if not re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", action)] == []


@every_deployment
def test_every_resource_is_named_where_aws_knows_one(deployment: str) -> None:
    for holder in holders(deployment):
        for statement in statements(deployment, holder):
            if "*" in statement["Resource"] and statement["Effect"] == "Allow":
                assert holder in WITHOUT_RESOURCE, f"{holder}: {statement['Action']}"


@every_deployment
def test_every_function_has_a_role_of_its_own(deployment: str) -> None:
    roles = {function: role_of(function, deployment) for function in functions(deployment)}
    assert roles == {function: f"{function.removesuffix('Function')}Role" for function in roles}
    for role in set(roles.values()):
        trust = resources(deployment)[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert [statement["Principal"] for statement in trust] == [{"Service": "lambda.amazonaws.com"}]


@every_deployment
def test_no_role_stands_without_its_user(deployment: str) -> None:
    used = {role_of(function, deployment) for function in functions(deployment)} | {"BacktestRole"}
    assert set(of_type(deployment, "AWS::IAM::Role")) == used


@every_deployment
def test_only_the_bot_runner_may_decrypt_only_the_api_seal_and_only_maintenance_rewrap(deployment: str) -> None:
    allowed = {
        (holder, action)
        for holder in holders(deployment)
        for statement in statements(deployment, holder)
        for action in statement["Action"]
        if action.startswith("kms:")
    }
    rewrapping = {"kms:ReEncryptFrom", "kms:ReEncryptTo"}
    assert allowed == {("BotRunnerRole", "kms:Decrypt"), ("ApiRole", "kms:GenerateDataKey")} | {
        ("MaintenanceRole", action) for action in rewrapping
    }
    for holder, action in allowed:
        (statement,) = [s for s in statements(deployment, holder) if action in s["Action"]]
        assert statement["Condition"]["StringEquals"] == {
            "kms:EncryptionContext:app": "tradebot",
            "kms:EncryptionContext:purpose": "exchange-key",
        }
        assert statement["Resource"] == [{"Ref": "CredentialsKeyArn"}]
        # Under a key of somebody else's, what was rewrapped would open there.
        same_key = {"kms:ReEncryptOnSameKey": "true"} if action in rewrapping else None
        assert statement["Condition"].get("Bool") == same_key


def test_the_key_itself_refuses_whoever_does_not_name_the_context() -> None:
    key = foundation("external")["CredentialsKey"]["Properties"]["KeyPolicy"]["Statement"]
    using = [s for s in key if {"kms:Decrypt", "kms:GenerateDataKey"} & set(s["Action"])]
    assert len(using) == 1
    assert using[0]["Condition"]["StringEquals"]["kms:EncryptionContext:app"] == "tradebot"
    assert using[0]["Condition"]["Null"] == {
        "kms:EncryptionContext:user_id": "false",
        "kms:EncryptionContext:api_key_id": "false",
    }
    (rewrapping,) = [s for s in key if any(action.startswith("kms:ReEncrypt") for action in s["Action"])]
    assert rewrapping["Condition"] == {**using[0]["Condition"], "Bool": {"kms:ReEncryptOnSameKey": "true"}}
    assert not any("*" in action for statement in key for action in statement["Action"])


@every_deployment
def test_only_the_dispatcher_switches_the_tick_rule_off(deployment: str) -> None:
    rule = {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${AWS::StackName}-tick"}
    assert granted(deployment, "events:EnableRule") == {
        "ApiRole": [rule],
        "DispatcherRole": [rule],
        "MaintenanceRole": [rule],
    }
    assert granted(deployment, "events:DisableRule") == {"DispatcherRole": [rule]}


@every_deployment
def test_functions_invoke_the_bot_runner_mail_the_plan_the_sender_of_webhooks_and_the_workflow_its_steps(
    deployment: str,
) -> None:
    bot_runner, mail, plan, webhooks = (
        {"Fn::GetAtt": [f"{name}Function", "Arn"]}
        for name in ("BotRunner", "Maintenance", "BacktestPlan", "WebhookSender")
    )
    invoking = granted(deployment, "lambda:InvokeFunction")
    tell = {"BotRunnerRole", "BacktestPlanRole", "BacktestCollectRole"}
    assert set(invoking) == {"ApiRole", "DispatcherRole", "MaintenanceRole", "BacktestRole", *tell}
    assert invoking["DispatcherRole"] == [bot_runner]
    assert invoking["MaintenanceRole"] == [bot_runner, webhooks]
    # Maintenance names the bot runner and the workflow, so those name maintenance by what it will be called.
    for role in tell:
        (by_name,) = invoking[role]
        assert by_name["Fn::Sub"].endswith(":function:${AWS::StackName}-maintenance")
    assert invoking["ApiRole"] == [bot_runner, plan, mail]
    steps = [name for name in FUNCTIONS if name.startswith("Backtest")]
    assert sorted(resource["Fn::GetAtt"][0] for resource in invoking["BacktestRole"]) == steps


@every_deployment
def test_the_api_starts_and_stops_the_one_workflow_and_maintenance_looks_at_it(deployment: str) -> None:
    machine = {"Ref": "BacktestStateMachine"}
    states = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}"
    executions = {"Fn::Sub": f"{states}:execution:${{AWS::StackName}}-backtest:*"}
    assert granted(deployment, "states:StartExecution") == {"ApiRole": [machine]}
    assert granted(deployment, "states:StopExecution") == {"ApiRole": [executions]}
    assert granted(deployment, "states:DescribeExecution") == {"MaintenanceRole": [executions]}
    others = {
        action
        for holder in holders(deployment)
        for statement in statements(deployment, holder)
        for action in statement["Action"]
        if action.startswith("states:")
    }
    assert others == {"states:StartExecution", "states:StopExecution", "states:DescribeExecution"}


CANDLES = ["CandleBucket}/candles/*", "CandleBucket}/candle-parts/*"]
REPORTS = ["ReportBucket}/backtests/*"]


@every_deployment
def test_each_function_reaches_those_objects_that_it_reads_and_writes(deployment: str) -> None:
    allowed = {
        action: {
            holder: [resource["Fn::Sub"].removeprefix("arn:${AWS::Partition}:s3:::${") for resource in found]
            for holder, found in granted(deployment, f"s3:{action}").items()
        }
        for action in ("GetObject", "PutObject", "DeleteObject", "ListBucket")
    }
    assert allowed == {
        "GetObject": {
            "ApiRole": REPORTS,
            "BacktestFetchRole": CANDLES,
            "BacktestSimulateRole": CANDLES + REPORTS,
            "BacktestCollectRole": CANDLES + REPORTS,
        },
        "PutObject": {
            "BacktestFetchRole": CANDLES,
            "BacktestSimulateRole": REPORTS,
            "BacktestCollectRole": REPORTS,
        },
        "DeleteObject": {"ApiRole": REPORTS},
        "ListBucket": {
            "ApiRole": ["ReportBucket}"],
            **{f"Backtest{step}Role": ["CandleBucket}"] for step in ("Plan", "Fetch", "Simulate", "Collect")},
        },
    }


@every_function
def test_a_function_writes_to_its_own_log_only(function: str) -> None:
    group = f"{function.removesuffix('Function')}LogGroup"
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        assert granted("aurora", action)[role_of(function)] == [{"Fn::GetAtt": [group, "Arn"]}]


def test_each_function_logs_in_to_the_database_as_itself() -> None:
    connecting = granted("aurora", "rds-db:connect")
    published = published_parameters("aurora")
    declared = load(ROOT / "template.yaml")["Parameters"]
    assert set(connecting) == {
        role_of(name) for name, given in functions().items() if "DATABASE_URL" in variables(given)
    }
    for function, given in functions().items():
        if "DATABASE_URL" not in variables(given):
            continue
        ((_, allowed),) = connecting[role_of(function)][0].items()
        login = allowed.removeprefix("${DatabaseUsersArn}/")
        url = published[declared[variables(given)["DATABASE_URL"]["Ref"]]["Default"]]["Fn::Sub"]
        assert url.startswith(f"postgresql://{login}@"), function
        assert variables(given)["DATABASE_AUTH"] == "iam"
        # The owner works as itself; every other login is the role it works as.
        assert variables(given).get("DATABASE_ROLE", "tradebot_owner") == login


def test_no_function_asks_iam_for_a_database_that_does_not_know_it() -> None:
    assert granted("external", "rds-db:connect") == {}
    assert all("VpcConfig" not in given for given in functions("external").values())


@every_deployment
def test_mail_leaves_by_maintenance_alone_and_from_one_address(deployment: str) -> None:
    assert list(granted(deployment, "ses:SendEmail")) == ["MaintenanceRole"]
    (statement,) = [s for s in statements(deployment, "MaintenanceRole") if "ses:SendEmail" in s["Action"]]
    assert statement["Resource"][0]["Fn::Sub"].endswith(":identity/${MailSender}")
    assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": {"Ref": "MailSender"}}}


@every_deployment
def test_what_goes_where_users_say_stands_outside_the_network_with_no_right_but_to_its_log(deployment: str) -> None:
    sender = functions(deployment)["WebhookSenderFunction"]
    assert "VpcConfig" not in sender
    assert {name for name in variables(sender) if not name.startswith("POWERTOOLS_")} == {"TRACING"}
    allowed = {action for s in statements(deployment, "WebhookSenderRole") for action in s["Action"]}
    assert allowed == {"logs:CreateLogStream", "logs:PutLogEvents"}
    managed = resources(deployment)["WebhookSenderRole"]["Properties"]["ManagedPolicyArns"]
    assert {"Ref": "NetworkPolicy"} not in managed
    assert sender["Timeout"] > TOTAL_SECONDS + GRACE_SECONDS


@every_deployment
def test_a_secret_is_read_by_those_who_use_it_and_by_nobody_else(deployment: str) -> None:
    reading = {
        (holder, re.findall(r":secret:\$\{(\w+)\}", resource["Fn::Sub"])[0])
        for holder, found in granted(deployment, "secretsmanager:GetSecretValue").items()
        for resource in found
    }
    assert reading == {
        ("ApiRole", "TokenSecretName"),
        ("ApiRole", "WebhookSecretName"),
        ("MaintenanceRole", "WebhookSecretName"),
    }
