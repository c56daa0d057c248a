"""AWS as the API meets it: moto, and what is sent to Lambda."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.awsrequest import AWSResponse, HTTPHeaders

from tests.fixtures.aws import moto_aws

if TYPE_CHECKING:
    from collections.abc import Iterator

RULE = "tradebot-test-tick"
REPORTS = "tradebot-test-reports"
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:tradebot-test-backtest"
#: A market that was listed in 2020 and stands in the middle of 2024.
FACTS: dict[str, Any] = {
    "rules": {
        "symbol": "BTCUSDT",
        "base_asset": "BTC",
        "quote_asset": "USDT",
        "tick_size": "0.01",
        "step_size": "0.00001",
        "min_qty": "0.00001",
        "max_qty": "120",
        "min_notional": "5",
    },
    "first_at": "2020-01-01T00:00:00+00:00",
    "newest_at": "2024-07-01T12:00:00+00:00",
}


@dataclass
class Cloud:
    """What moto holds for the function, and what the function asked Lambda for."""

    key_id: str
    invocations: list[dict[str, Any]] = field(default_factory=list)
    #: What backtest_plan answers about a market: a result, or the name and words of an error.
    facts: dict[str, Any] | tuple[str, str] = field(default_factory=lambda: dict(FACTS))
    mail_requests: list[dict[str, Any]] = field(default_factory=list)

    def record(self, params: dict[str, Any], **_: object) -> tuple[AWSResponse, dict[str, Any]] | None:
        """Note what boto3 is about to send to Lambda; answer for the function that is waited for."""
        body = json.loads(params["body"])
        if "facts" in body:
            assert "X-Amz-Invocation-Type" not in params["headers"]
            return AWSResponse("", 200, HTTPHeaders(), None), self._answer()
        assert params["headers"]["X-Amz-Invocation-Type"] == "Event"
        function = params["url_path"].split("/")[3]
        {"bot-runner": self.invocations, "maintenance": self.mail_requests}[function].append(body)
        return None

    def _answer(self) -> dict[str, Any]:
        if isinstance(self.facts, dict):
            return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(self.facts).encode())}
        failed = json.dumps({"errorType": self.facts[0], "errorMessage": self.facts[1]})
        return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": io.BytesIO(failed.encode())}

    def executions(self) -> dict[str, str]:
        """Return the status of each execution by its name."""
        listed = boto3.client("stepfunctions").list_executions(stateMachineArn=MACHINE)["executions"]
        return {one["name"]: one["status"] for one in listed}

    def put_report(self, user_id: int, backtest_id: int, name: str, content: bytes) -> None:
        """Store a file as the workflow does."""
        key = f"backtests/{user_id}/{backtest_id}/{name}"
        boto3.client("s3").put_object(Bucket=REPORTS, Key=key, Body=content)

    def reports(self) -> list[str]:
        """Return the keys of all files."""
        return [one["Key"] for one in boto3.client("s3").list_objects_v2(Bucket=REPORTS).get("Contents", [])]

    def rule_is_enabled(self) -> bool:
        """Tell whether the dispatcher's rule fires."""
        return bool(boto3.client("events").describe_rule(Name=RULE)["State"] == "ENABLED")

    def disable_rule(self) -> None:
        """Do what the dispatcher does when it finds no active bot."""
        boto3.client("events").disable_rule(Name=RULE)


@contextmanager
def moto_cloud() -> Iterator[Cloud]:
    """Give AWS as far as the API uses it."""
    with moto_aws("api"):
        cloud = Cloud(boto3.client("kms").create_key()["KeyMetadata"]["KeyId"])
        boto3.client("secretsmanager").create_secret(
            Name="tradebot-test-token", SecretString=json.dumps({"signing_key": "k" * 64})
        )
        boto3.client("secretsmanager").create_secret(
            Name="tradebot-test-webhook", SecretString=json.dumps({"signing_key": "w" * 64})
        )
        boto3.client("events").put_rule(Name=RULE, ScheduleExpression="cron(* * * * ? *)", State="DISABLED")
        role = boto3.client("iam").create_role(RoleName="bot-runner", AssumeRolePolicyDocument="{}", Path="/x/")
        for name in ("bot-runner", "maintenance"):
            boto3.client("lambda").create_function(
                FunctionName=name,
                Runtime="python3.13",
                Role=role["Role"]["Arn"],
                Handler="handler.handler",
                Code={"ZipFile": b"-"},
            )
        boto3.client("s3").create_bucket(
            Bucket=REPORTS, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        boto3.client("stepfunctions").create_state_machine(
            name="tradebot-test-backtest", definition="{}", roleArn=role["Role"]["Arn"]
        )
        yield cloud
