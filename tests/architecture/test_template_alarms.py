"""What rings, and that it can: an alarm's metric is one that the code counts, under that name and service."""

from __future__ import annotations

import re
import tomllib

import pytest

from infra.local.cloud.translate import load, translate
from tests.architecture.templates import (
    EXTERNAL,
    REGION,
    ROOT,
    functions,
    of_type,
    variables,
)
from tradebot.domain.order import OrderStatus

ALARMS = of_type("aurora", "AWS::CloudWatch::Alarm")
OWN = {name: alarm for name, alarm in ALARMS.items() if not str(alarm["Namespace"]).startswith("AWS/")}
COUNTED = re.compile(r"\b(?:count|measure_milliseconds)\(\s*f?\"([A-Za-z]+)")
#: Connections that a unit of capacity brings (RDS: memory / 9,531,392 bytes, 2 GiB each), rounded down.
CONNECTIONS_PER_UNIT = 90


def counted() -> set[str]:
    """Return every metric that the code names; orders' are made of their states."""
    code = [path.read_text() for root in ("layers/core/tradebot", "functions") for path in (ROOT / root).rglob("*.py")]
    names = {name for text in code for name in COUNTED.findall(text)}
    assert "Orders" in names, "the orders' metrics are made elsewhere now"
    return names | {f"Orders{status.value.title().replace('_', '')}" for status in OrderStatus}


def test_every_danger_has_its_alarm() -> None:
    assert {alarm["MetricName"] for alarm in ALARMS.values()} == {
        "ApproximateNumberOfMessagesVisible",
        "CredentialsOpened",
        "Errors",
        "ExchangeThrottled",
        "OrdersInDoubt",
        "ReconciliationDifferences",
        "TickAge",
        "UnprotectedPositions",
    }


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_reaches_somebody_and_is_silent_where_nothing_runs(name: str) -> None:
    alarm = ALARMS[name]
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopicArn"}]
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmDescription"]


@pytest.mark.parametrize("name", OWN)
def test_an_alarms_metric_is_one_that_the_code_counts_where_it_is_looked_for(name: str) -> None:
    alarm = OWN[name]
    assert alarm["MetricName"] in counted()
    (service,) = [one["Value"] for one in alarm["Dimensions"] if one["Name"] == "service"]
    namespaces = {
        str(variables(given)["POWERTOOLS_METRICS_NAMESPACE"])
        for given in functions().values()
        if variables(given)["POWERTOOLS_SERVICE_NAME"] == service
    }
    assert namespaces == {str(alarm["Namespace"])}


def test_concurrency_is_reserved_where_a_deployment_asks_for_it_and_for_nobody_by_default() -> None:
    assert not [name for name, given in functions().items() if given.get("ReservedConcurrentExecutions")]
    asked = translate(
        ROOT / "template.yaml", {**EXTERNAL, "ApiConcurrency": "20", "BotRunnerConcurrency": "70"}, region=REGION
    ).body["Resources"]
    reserved = {
        name: entry["Properties"]["ReservedConcurrentExecutions"]
        for name, entry in asked.items()
        if "ReservedConcurrentExecutions" in entry["Properties"]
    }
    assert {name: str(value) for name, value in reserved.items()} == {
        "ApiFunction": str({"Ref": "ApiConcurrency"}),
        "BotRunnerFunction": str({"Ref": "BotRunnerConcurrency"}),
    }


def test_what_is_reserved_stays_below_the_databases_connections() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    base = load(ROOT / "infra" / "foundation.yaml")["Parameters"]["DatabaseMaxCapacity"]["Default"]
    for stage in ("dev", "prod"):
        given = {
            part: dict(entry.split("=", 1) for entry in config[part]["deploy"]["parameters"]["parameter_overrides"])
            for part in (f"{stage}-foundation", stage)
        }
        units = int(given[f"{stage}-foundation"].get("DatabaseMaxCapacity", base))
        reserved = sum(int(given[stage].get(name, 0)) for name in ("ApiConcurrency", "BotRunnerConcurrency"))
        assert reserved < units * CONNECTIONS_PER_UNIT
