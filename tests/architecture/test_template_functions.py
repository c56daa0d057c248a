"""How each function runs: time, memory, logs, layers, failures, environment, and who starts it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import tradebot.errors
import tradebot.services.run_backtest.errors
from infra.local.cloud.translate import TemplateError, load, translate
from tests.architecture.templates import (
    FUNCTIONS,
    MAX_LAYERS,
    REGION,
    ROOT,
    Json,
    every_deployment,
    every_function,
    functions,
    granted,
    of_type,
    role_of,
    stem,
    variables,
)
from tradebot.errors import ConfigurationError
from tradebot.migrations.upgrade import STATEMENT_TIMEOUT_SECONDS
from tradebot.repositories.leases import LEASE_SECONDS
from tradebot.settings import Settings


@every_deployment
@every_function
def test_a_function_says_how_long_how_large_and_on_what_it_runs(deployment: str, function: str) -> None:
    given = functions(deployment)[function]
    assert given["Runtime"] == "python3.13"
    assert given["Architectures"] == ["arm64"]
    assert given["Handler"] == "handler.handler"
    assert 1 <= given["Timeout"] <= 360
    assert 128 <= given["MemorySize"] <= 1769
    assert given["TracingConfig"] == {"Mode": "Active" if deployment == "aurora" else "PassThrough"}
    assert given["FunctionName"] == {"Fn::Sub": f"${{AWS::StackName}}-{stem(function)}"}


@every_function
def test_a_function_has_a_log_group_with_a_retention(function: str) -> None:
    (group,) = [
        group
        for group in of_type("aurora", "AWS::Logs::LogGroup").values()
        if group["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}-{stem(function)}"}
    ]
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_no_log_group_keeps_for_ever() -> None:
    assert all("RetentionInDays" in group for group in of_type("aurora", "AWS::Logs::LogGroup").values())


@every_deployment
@every_function
def test_a_function_carries_layers_of_this_template_and_no_more_than_lambda_takes(
    deployment: str, function: str
) -> None:
    layers = [layer["Ref"] for layer in functions(deployment)[function]["Layers"]]
    assert len(layers) <= MAX_LAYERS
    assert layers[0].startswith("CoreLayer")
    assert set(layers) <= set(of_type(deployment, "AWS::Lambda::LayerVersion"))
    assert any(layer.startswith("TracingLayer") for layer in layers) == (deployment == "aurora")
    assert any(layer.startswith("ObservabilityLayer") for layer in layers) != (deployment == "aurora")


def test_the_api_answers_before_the_gateway_gives_up_on_it() -> None:
    assert functions()["ApiFunction"]["Timeout"] < 30


def test_a_tick_that_lambda_ends_still_holds_its_lease() -> None:
    assert functions()["BotRunnerFunction"]["Timeout"] < LEASE_SECONDS


def test_postgres_ends_a_migration_before_lambda_does() -> None:
    assert functions()["MigrateFunction"]["Timeout"] > STATEMENT_TIMEOUT_SECONDS


def test_a_dispatch_ends_before_the_next_tick() -> None:
    assert functions()["DispatcherFunction"]["Timeout"] < 60


def test_a_tick_is_not_retried_and_its_failure_is_kept_and_noticed() -> None:
    config = {
        entry["FunctionName"]["Ref"]: entry for entry in of_type("aurora", "AWS::Lambda::EventInvokeConfig").values()
    }
    queue = {"Fn::GetAtt": ["FailureQueue", "Arn"]}
    for function in ("BotRunnerFunction", "DispatcherFunction"):
        assert config[function]["MaximumRetryAttempts"] == 0
        assert config[function]["MaximumEventAgeInSeconds"] == 60
        assert config[function]["DestinationConfig"]["OnFailure"]["Destination"] == queue
    sending = {entry for entry, given in config.items() if given.get("DestinationConfig")}
    assert granted("aurora", "sqs:SendMessage") == {role_of(function): [queue] for function in sending}


def test_every_function_that_an_event_invokes_says_what_becomes_of_a_failure() -> None:
    config = {entry["FunctionName"]["Ref"] for entry in of_type("aurora", "AWS::Lambda::EventInvokeConfig").values()}
    targets = {
        target["Arn"]["Fn::GetAtt"][0]
        for rule in of_type("aurora", "AWS::Events::Rule").values()
        for target in rule["Targets"]
    }
    assert targets | {"BotRunnerFunction"} <= config


def test_the_tick_rule_is_deployed_disabled_and_fires_each_minute() -> None:
    rule = of_type("aurora", "AWS::Events::Rule")["TickRule"]
    assert rule["State"] == "DISABLED"
    assert rule["ScheduleExpression"] == "cron(* * * * ? *)"
    assert rule["Name"] == {"Fn::Sub": "${AWS::StackName}-tick"}
    for function in ("ApiFunction", "DispatcherFunction"):
        assert variables(functions()[function])["TICK_RULE"] == rule["Name"]


def test_only_the_rules_and_the_gateway_may_start_a_function_from_outside() -> None:
    permissions = of_type("aurora", "AWS::Lambda::Permission").values()
    assert all("SourceArn" in permission for permission in permissions)
    assert sorted((permission["Principal"], permission["FunctionName"]["Ref"]) for permission in permissions) == [
        ("apigateway.amazonaws.com", "ApiFunction"),
        ("events.amazonaws.com", "DispatcherFunction"),
        ("events.amazonaws.com", "MaintenanceFunction"),
    ]


class Recorder(dict[str, str]):
    """An environment that has nothing and remembers what was looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.names.add(key)
        return default


def read_by_settings() -> set[str]:
    environment = Recorder()
    settings = Settings(environment)
    readers = [name for name, value in vars(Settings).items() if isinstance(value, property)]
    for reader in [
        *readers,
        *[("binance_url", env, market) for env in ("live", "testnet") for market in ("spot", "futures")],
    ]:
        try:
            getattr(settings, reader) if isinstance(reader, str) else settings.binance_url(*reader[1:])
        except ConfigurationError:
            continue
    return environment.names


@every_deployment
def test_the_functions_are_given_what_the_settings_read_and_nothing_else(deployment: str) -> None:
    given = {name for function in functions(deployment).values() for name in variables(function)}
    ours = {name for name in given if not name.startswith("POWERTOOLS_")}
    expected = read_by_settings() - {"AWS_REGION"}
    assert ours == (expected if deployment == "aurora" else expected - {"DATABASE_CA_FILE"})


@every_function
def test_a_function_names_itself_to_its_logs_and_metrics(function: str) -> None:
    given = variables(functions()[function])
    assert given["POWERTOOLS_SERVICE_NAME"] == stem(function)
    assert given["POWERTOOLS_METRICS_NAMESPACE"] == {"Fn::Sub": "TradeBot/${Stage}"}
    assert given["POWERTOOLS_LOG_LEVEL"] == {"Ref": "LogLevel"}


HOSTS = ["BinanceLiveSpotUrl", "BinanceLiveFuturesUrl", "BinanceTestnetSpotUrl", "BinanceTestnetFuturesUrl"]


@pytest.mark.parametrize("parameter", HOSTS)
def test_signed_orders_go_to_binance_or_to_this_machine(parameter: str) -> None:
    translate(ROOT / "template.yaml", {parameter: "http://127.0.0.1:18080"}, region=REGION)
    binance = load(ROOT / "template.yaml")["Parameters"][parameter]["Default"]
    for elsewhere in (
        f"{binance}.evil.example",
        f"{binance}@evil.example",
        f"{binance}:8443",
        binance.replace("https", "http"),
        binance.replace(".com", "-com.evil.example").replace(".vision", "xvision"),
        "https://evil.example/api.binance.com",
        "https://evilbinance.com",
        "http://127.0.0.1:80@evil.example",
        "http://127.0.0.1",
        "https://api.binance.com\nhttps://evil.example",
    ):
        with pytest.raises(TemplateError, match="does not match"):
            translate(ROOT / "template.yaml", {parameter: elsewhere}, region=REGION)


def test_no_live_parameter_takes_a_test_network_or_the_other_way_round() -> None:
    with pytest.raises(TemplateError, match="BinanceLiveSpotUrl"):
        translate(ROOT / "template.yaml", {"BinanceLiveSpotUrl": "https://testnet.binance.vision"}, region=REGION)
    with pytest.raises(TemplateError, match="BinanceTestnetSpotUrl"):
        translate(ROOT / "template.yaml", {"BinanceTestnetSpotUrl": "https://api.binance.com"}, region=REGION)


def test_the_stage_is_throttled_and_logs_access_without_anything_that_carries_a_token() -> None:
    (stage,) = of_type("aurora", "AWS::ApiGatewayV2::Stage").values()
    assert stage["DefaultRouteSettings"] == {
        "ThrottlingBurstLimit": {"Ref": "ApiBurstLimit"},
        "ThrottlingRateLimit": {"Ref": "ApiRateLimit"},
    }
    written = json.loads(stage["AccessLogSettings"]["Format"])
    assert {"requestId", "status", "latencyMs"} <= set(written)
    assert not re.search(r"header|query|authorizer|body", json.dumps(written), re.IGNORECASE)


def test_the_gateway_hands_every_request_to_the_api() -> None:
    (api,) = of_type("aurora", "AWS::ApiGatewayV2::Api").values()
    assert [path["x-amazon-apigateway-any-method"]["isDefaultRoute"] for path in api["Body"]["paths"].values()] == [
        True
    ]


def definition() -> Json:
    loaded: Json = json.loads((ROOT / "infra/statemachines/backtest.asl.json").read_text())
    return loaded


def tasks(states: Json) -> Json:
    found = {}
    for name, state in states.items():
        if state["Type"] == "Task":
            found[name] = state
        if "ItemProcessor" in state:
            found |= tasks(state["ItemProcessor"]["States"])
    return found


def test_the_workflow_calls_each_step_and_waits_longer_than_it_may_run() -> None:
    named = load(ROOT / "template.yaml")["Resources"]["BacktestStateMachine"]["Properties"]["DefinitionSubstitutions"]
    called = [(task["Resource"].strip("${}"), task) for task in tasks(definition()["States"]).values()]
    assert {name for name, _ in called} == set(named)
    for name, task in called:
        function = functions()[named[name]["Fn::GetAtt"][0]]
        assert task["TimeoutSeconds"] > function["Timeout"]
    assert len(named) == len([name for name in FUNCTIONS if name.startswith("Backtest")])


def test_every_failure_of_the_workflow_is_written_down_and_ends_it_as_failed() -> None:
    states = definition()["States"]
    for name, state in states.items():
        if state["Type"] in {"Task", "Map"} and name != "RecordFailure":
            (rule,) = state["Catch"]
            assert rule == {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "RecordFailure"}, name
    assert states["RecordFailure"]["Next"] == "Failed"
    assert states["Failed"]["Type"] == "Fail"


def test_the_workflow_tries_again_what_may_help_and_waits_as_the_exchange_asks() -> None:
    for name, task in tasks(definition()["States"]).items():
        for rule in task["Retry"]:
            for error in rule["ErrorEquals"]:
                kind = getattr(tradebot.errors, error, getattr(tradebot.services.run_backtest.errors, error, None))
                assert kind is None or kind.retryable, (name, error)
                assert kind is not None or error.split(".")[0] in {"Lambda", "Runtime", "Sandbox"}, (name, error)
            if "ExchangeThrottledError" in rule["ErrorEquals"]:
                # A weight window is a minute long; chance could shorten the wait.
                assert rule["IntervalSeconds"] > 60
                assert "JitterStrategy" not in rule
            else:
                assert rule["JitterStrategy"] == "FULL"


def test_the_workflow_is_one_that_the_local_runtime_can_run() -> None:
    assert definition()["QueryLanguage"] == "JSONPath"
    assert "$$.Execution.StartTime" not in json.dumps(definition())
    assert (
        of_type("aurora", "AWS::StepFunctions::StateMachine")["BacktestStateMachine"]["StateMachineType"] == "STANDARD"
    )
