"""Events: retries, their delays, their age, destinations, and waiting until all is done."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.cloud.event_queue import EventQueue, Tally
from infra.local.cloud.functions import FunctionSpec, RetrySettings
from infra.local.cloud.invocation import ASYNCHRONOUS_LIMIT_BYTES, Invocation, Outcome

if TYPE_CHECKING:
    from infra.local.cloud import LocalCloud

    from .conftest import Clients

FAILURE = Outcome(b'{"errorType": "Wrong"}', "Unhandled")
SUCCESS = Outcome(b'"done"')
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:some"


def attempts(path: Path) -> list[float]:
    """Return when the function ran."""
    return [float(line.split()[0]) for line in path.read_text().splitlines()] if path.exists() else []


def failures(client: Clients) -> list[Any]:
    queues = client("sqs")
    url = queues.get_queue_url(QueueName="small-failures")["QueueUrl"]
    messages = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in messages]


def test_an_event_is_accepted_before_it_runs(cloud: LocalCloud, client: Clients, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    answer = client("lambda").invoke(
        FunctionName=cloud.function_name("ProbeFunction"),
        InvocationType="Event",
        Payload=json.dumps({"do": "append", "path": str(ran)}),
    )
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b""
    cloud.drain(5)
    assert len(attempts(ran)) == 1


def test_a_failing_event_is_retried_as_the_template_says_and_then_sent_to_its_destination(
    cloud: LocalCloud, client: Clients, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    event = {"do": "append", "path": str(ran), "fail": True}
    accepted = cloud.invoke("ProbeFunction", event, asynchronous=True)
    assert accepted.status == 202
    cloud.drain(5)
    assert len(attempts(ran)) == 2
    (record,) = failures(client)
    assert record.pop("timestamp").endswith("Z")
    stack_trace = record["responsePayload"].pop("stackTrace")
    assert "handler.py" in stack_trace[0]
    # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": accepted.request_id,
            "functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:small-probe:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 2,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {
            "errorMessage": "appended, then failed",
            "errorType": "RuntimeError",
            "requestId": accepted.request_id,
        },
    }


def test_without_settings_an_event_is_tried_three_times_after_one_and_two_minutes(
    cloud: LocalCloud, client: Clients, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    cloud.invoke("DefaultsFunction", {"do": "append", "path": str(ran), "fail": True}, asynchronous=True)
    cloud.drain(5)
    first, second, third = attempts(ran)
    # The fixture scales delays by a thousandth.
    assert 0.06 <= second - first < 0.5
    assert 0.12 <= third - second < 0.6
    assert failures(client) == []


def test_an_event_that_succeeds_at_a_later_attempt_fails_nowhere(cloud: LocalCloud, client: Clients) -> None:
    cloud.invoke("ProbeFunction", {"do": "print", "text": "fine"}, asynchronous=True)
    cloud.drain(5)
    assert failures(client) == []


def test_more_events_than_processes_wait_in_the_queue_and_all_run(cloud: LocalCloud, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    for _ in range(12):
        cloud.invoke("ProbeFunction", {"do": "append", "path": str(ran), "seconds": 0.05}, asynchronous=True)
    cloud.drain(10)
    assert len(attempts(ran)) == 12
    assert len({line.split()[1] for line in ran.read_text().splitlines()}) <= 3


def test_drain_names_what_still_runs(cloud: LocalCloud) -> None:
    cloud.invoke("ProbeFunction", {"do": "sleep", "seconds": 0.6}, asynchronous=True)
    cloud.invoke("ProbeFunction", {"do": "sleep", "seconds": 0.6}, asynchronous=True)
    with pytest.raises(TimeoutError, match="still queued or running: 2 of ProbeFunction"):
        cloud.drain(0.1)
    cloud.drain(5)


def test_drain_waits_for_what_a_draining_function_invokes(cloud: LocalCloud, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    payload = {"do": "append", "path": str(ran), "seconds": 0.2}
    cloud.invoke(
        "RelayFunction",
        {
            "service": "lambda",
            "operation": "invoke",
            "from_environment": {"FunctionName": "PROBE"},
            "arguments": {"InvocationType": "Event", "Payload": payload},
        },
        asynchronous=True,
    )
    cloud.drain(20)
    assert len(attempts(ran)) == 1


def test_an_event_may_be_one_mebibyte_and_no_larger(cloud: LocalCloud, client: Clients) -> None:
    functions = client("lambda")
    frame = len(b'{"x": ""}')
    fitting = b'{"x": "' + b"x" * (ASYNCHRONOUS_LIMIT_BYTES - frame) + b'"}'
    name = cloud.function_name("ProbeFunction")
    assert functions.invoke(FunctionName=name, InvocationType="Event", Payload=fitting)["StatusCode"] == 202
    with pytest.raises(functions.exceptions.RequestTooLargeException, match="1048576"):
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=fitting + b" ")
    cloud.drain(5)


class Pool:
    """Answers invocations with what it is given, one after another."""

    def __init__(self, retries: RetrySettings, outcomes: list[Outcome]) -> None:
        self.spec = FunctionSpec("Some", "some", ARN, "h.h", "python3.13", "role", 3, 128, {}, Path(), retries=retries)
        self.outcomes = outcomes
        self.seen: list[str] = []

    def run(self, invocation: Invocation, *, patient: bool = False) -> Outcome:
        assert patient, "an event waits for a process as long as it takes"
        self.seen.append(invocation.request_id)
        return self.outcomes.pop(0)


def run_queue(pool: Pool, *, scale: float = 0.0001, put_at: float = 0.0) -> list[tuple[str, dict[str, Any]]]:
    """Run one event through a queue; return what was delivered to destinations."""
    tally, delivered = Tally(), []
    queue = EventQueue(
        pool,  # type: ignore[arg-type]  # the part of a pool that the queue uses
        tally,
        runners=1,
        retry_delay_scale=scale,
        deliver=lambda arn, record: delivered.append((arn, record)),
    )
    queue.put(b'{"n": 1}', "request-1")
    tally.wait_for_none(5)
    queue.stop()
    return delivered


def test_an_event_that_is_too_old_is_given_up_with_its_age_as_the_condition() -> None:
    pool = Pool(RetrySettings(maximum_event_age_seconds=1, on_failure_arn="arn:queue"), [FAILURE, FAILURE, FAILURE])
    began = time.monotonic()
    ((arn, record),) = run_queue(pool, scale=1.0)
    assert time.monotonic() - began < 3, "an event that cannot be retried in time is not waited for"
    assert arn == "arn:queue"
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert "responsePayload" not in record


def test_a_retry_keeps_the_events_request_id() -> None:
    pool = Pool(RetrySettings(), [FAILURE, SUCCESS])
    assert run_queue(pool) == []
    assert pool.seen == ["request-1", "request-1"]


def test_no_retries_means_one_attempt() -> None:
    pool = Pool(RetrySettings(maximum_retry_attempts=0, on_failure_arn="arn:queue"), [FAILURE, SUCCESS])
    ((_, record),) = run_queue(pool)
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert len(pool.seen) == 1


def test_a_success_goes_to_its_destination() -> None:
    pool = Pool(RetrySettings(on_success_arn="arn:success", on_failure_arn="arn:failure"), [SUCCESS])
    ((arn, record),) = run_queue(pool)
    assert arn == "arn:success"
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == "done"
    assert "functionError" not in record["responseContext"]
