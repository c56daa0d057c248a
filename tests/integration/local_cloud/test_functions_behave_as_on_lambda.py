"""Synchronous invocations: outcomes, processes, environment and limits, held to what Lambda documents."""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from infra.local.cloud.functions import ADDED, INHERITED, RESERVED, access_key_of
from infra.local.cloud.invocation import SYNCHRONOUS_LIMIT_BYTES, Invocation
from infra.local.cloud.logs import FunctionLog
from infra.local.cloud.worker import State, Worker

if TYPE_CHECKING:
    from pathlib import Path

    from infra.local.cloud import InvokeResult, LocalCloud

    from .conftest import Clients

PROBE = "ProbeFunction"


def probe(cloud: LocalCloud, **event: Any) -> InvokeResult:
    return cloud.invoke(PROBE, event)


def test_a_cold_start_reports_its_init_and_a_warm_one_keeps_the_modules_state(cloud: LocalCloud) -> None:
    for pid in cloud.process_ids:
        os.kill(pid, signal.SIGKILL)
    probe(cloud, do="exit")
    cold, warm = probe(cloud), probe(cloud)
    assert cold.payload["invocations"] == 1
    assert "Init Duration:" in cold.log_tail
    assert warm.payload["invocations"] == 2
    assert warm.payload["pid"] == cold.payload["pid"]
    assert "Init Duration:" not in warm.log_tail


def test_the_context_is_the_templates(cloud: LocalCloud) -> None:
    answer = probe(cloud, some="thing").payload
    spec = cloud.functions[PROBE]
    assert answer["event"] == {"some": "thing"}
    assert answer["function_name"] == spec.name == "small-probe"
    assert answer["memory"] == "256"
    assert answer["arn"] == spec.arn == "arn:aws:lambda:eu-central-1:123456789012:function:small-probe"
    assert 500 < answer["remaining_ms"] <= 1000
    assert answer["folder"] == str(spec.code_root)


def test_the_log_has_lambdas_lines_around_what_the_handler_prints(cloud: LocalCloud) -> None:
    result = probe(cloud, do="print", text="héllo")
    request_id = result.payload["request_id"]
    lines = result.log_tail.splitlines()
    assert lines[:4] == [
        f"START RequestId: {request_id} Version: $LATEST",
        "héllo",
        "héllo",
        f"END RequestId: {request_id}",
    ]
    assert lines[4].startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    assert "Memory Size: 256 MB\tMax Memory Used: " in lines[4]
    assert result.log_tail.rstrip().endswith(cloud.log_tail(PROBE, lines=1))
    assert (cloud.log_directory / "small-probe.log").read_text().endswith(result.log_tail)


def test_everything_that_was_printed_stands_before_the_end_line(cloud: LocalCloud) -> None:
    for _ in range(40):
        lines = probe(cloud, do="print", text="x" * 500).log_tail.splitlines()
        assert [line[:3] for line in lines] == ["STA", "xxx", "xxx", "END", "REP"]


def test_a_line_that_is_printed_in_pieces_stays_whole_beside_those_of_other_processes(cloud: LocalCloud) -> None:
    pieces = [f"piece{number}" for number in range(20)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: probe(cloud, do="print in pieces", pieces=pieces), range(8)))
    lines = (cloud.log_directory / "small-probe.log").read_text().splitlines()
    assert [line for line in lines if "piece" in line] == ["".join(pieces)] * 8


def test_an_exception_becomes_an_unhandled_error_with_its_trace(cloud: LocalCloud) -> None:
    result = probe(cloud, do="raise", message="no such candle")
    assert result.status == 200
    assert result.function_error == "Unhandled"
    assert result.payload["errorType"] == "ValueError"
    assert result.payload["errorMessage"] == "no such candle"
    assert "handler.py" in result.payload["stackTrace"][0]
    assert "[ERROR] ValueError: no such candle" in result.log_tail


def test_a_timeout_kills_the_process_and_the_next_invocation_gets_another(cloud: LocalCloud) -> None:
    before = probe(cloud).payload["pid"]
    began = time.monotonic()
    result = probe(cloud, do="sleep", seconds=30)
    took = time.monotonic() - began
    assert 1.0 <= took < 2.5
    assert result.function_error == "Unhandled"
    assert result.payload["errorType"] == "Sandbox.Timedout"
    assert result.payload["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert "Task timed out after 1.00 seconds" in result.log_tail
    assert "Status: timeout" in result.log_tail
    after = probe(cloud).payload
    assert after["pid"] != before
    assert _ends(before)


def test_what_a_timed_out_handler_started_dies_with_it(cloud: LocalCloud) -> None:
    child = psutil.Process(probe(cloud, do="child", seconds=60).payload)
    assert child.is_running()
    probe(cloud, do="sleep", seconds=30)
    assert _ends(child.pid, even_unreaped=True)  # its parent is gone, so reaping it is init's affair


def test_what_a_crashed_handler_started_dies_with_it(cloud: LocalCloud) -> None:
    child = psutil.Process(probe(cloud, do="child", seconds=60).payload)
    probe(cloud, do="exit")
    assert _ends(child.pid, even_unreaped=True)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"do": "exit", "code": 3}, "Runtime exited with error: exit status 3"),
        ({"do": "exit", "code": 0}, "Runtime exited without providing a reason"),
        ({"do": "kill"}, "Runtime exited with error: signal: killed"),
    ],
)
def test_a_process_that_ends_is_an_exit_error(cloud: LocalCloud, event: dict[str, Any], reason: str) -> None:
    result = cloud.invoke(PROBE, event)
    assert result.function_error == "Unhandled"
    assert result.payload["errorType"] == "Runtime.ExitError"
    assert result.payload["errorMessage"].endswith(f"Error: {reason}")
    assert reason in result.log_tail
    assert probe(cloud).function_error is None


def test_what_a_process_printed_before_it_died_is_in_the_log(cloud: LocalCloud) -> None:
    assert "about to exit" in probe(cloud, do="exit").log_tail


def test_a_module_that_cannot_be_imported_is_an_init_error(cloud: LocalCloud) -> None:
    result = cloud.invoke("BrokenFunction", {})
    assert result.function_error == "Unhandled"
    assert result.payload["errorType"] == "Runtime.ImportModuleError"
    assert "there_is_no_such_module" in result.payload["errorMessage"]
    assert result.payload["requestId"]


def test_the_environment_is_the_templates_and_lambdas_and_nothing_else(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "my-company")
    monkeypatch.setenv("DATABASE_PASSWORD", "of my shell")
    probe(cloud, do="exit")  # a new process must be started while the shell's variables are there
    seen = probe(cloud, do="environment").payload
    spec = cloud.functions[PROBE]
    assert spec.environment == {
        "GREETING": "hello",
        "KEY_ARN": spec.environment["KEY_ARN"],
        "POLITE": "yes",
        "RULE": "small-minutely",
    }
    assert spec.environment["KEY_ARN"].startswith("arn:aws:kms:eu-central-1:123456789012:key/")
    assert seen.items() >= spec.environment.items()
    of_the_shell = {name for name in INHERITED if name in os.environ}
    of_the_runtime = {"_X_AMZN_TRACE_ID", "LC_CTYPE"}  # set by awslambdaric, and by Python in some locales
    assert set(seen) - of_the_runtime == set(spec.environment) | set(RESERVED) | set(ADDED) | of_the_shell
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "small-probe"
    assert seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert seen["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert seen["AWS_REGION"] == "eu-central-1"
    assert seen["AWS_ENDPOINT_URL"] == cloud.endpoint_url
    assert seen["AWS_ACCESS_KEY_ID"] == access_key_of(spec.role_arn)
    assert seen["TZ"] == ":UTC"
    assert seen["_HANDLER"] == "handler.handler"


def test_a_function_imports_its_layers_and_no_other_code_of_the_repository(cloud: LocalCloud) -> None:
    assert probe(cloud, do="import", module="shared_code").payload.endswith("layer/shared_code/__init__.py")
    assert probe(cloud, do="import", module="boto3").function_error is None
    for absent in ("infra", "tests", "tradebot", "tradebot_api"):
        assert probe(cloud, do="import", module=absent).payload["errorType"] == "ModuleNotFoundError"
    without = cloud.invoke("DefaultsFunction", {"do": "import", "module": "shared_code"})
    assert without.payload["errorType"] == "ModuleNotFoundError"


def test_several_run_at_once_each_in_a_process_of_its_own(cloud: LocalCloud, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: probe(cloud), range(3)))  # start the processes first
        results = list(pool.map(lambda _: probe(cloud, do="append", path=str(ran), seconds=0.5), range(3)))
    starts = sorted(float(line.split()[0]) for line in ran.read_text().splitlines())
    assert starts[-1] - starts[0] < 0.5, "the last began before the first had ended"
    assert len({result.payload["pid"] for result in results}) == 3


def test_a_process_that_is_up_before_its_starter_goes_on_is_free_for_nobody_else(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    freed: list[Worker] = []
    with closing(FunctionLog(tmp_path / "log")) as log, ThreadPoolExecutor(1) as spawner:
        worker = Worker(
            cloud.functions[PROBE],
            log,
            cloud.endpoint_url,
            spawner=spawner,
            on_free=freed.append,
            on_gone=lambda _worker, _undelivered: None,
        )
        worker.start()
        deadline = time.monotonic() + 5
        while worker.state is not State.IDLE and time.monotonic() < deadline:
            time.sleep(0.01)
        assert freed == []
        invocation = Invocation(b"{}")
        assert worker.assign(invocation)
        outcome = invocation.wait(5)
        assert outcome is not None
        assert outcome.function_error is None
        assert freed == [worker]
        worker.stop()
        worker.join(5)
        assert _ends(worker.pid)


def test_callers_wait_in_line_for_this_machines_processes(cloud: LocalCloud) -> None:
    with ThreadPoolExecutor(9) as pool:
        results = list(pool.map(lambda _: probe(cloud, do="sleep", seconds=0.05), range(9)))
    assert [result.function_error for result in results] == [None] * 9
    assert len({result.payload["pid"] for result in results}) <= 3


def test_reserved_concurrency_throttles_at_once(cloud: LocalCloud, client: Clients) -> None:
    functions = client("lambda")
    name = cloud.function_name("ReservedFunction")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(cloud.invoke, "ReservedFunction", {"do": "sleep", "seconds": 1})
        time.sleep(0.4)
        with pytest.raises(functions.exceptions.TooManyRequestsException) as refused:
            functions.invoke(FunctionName=name, Payload=b"{}")
        assert running.result().function_error is None
    assert refused.value.response["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert cloud.invoke("ReservedFunction", {}).function_error is None


def test_an_idle_process_that_was_killed_costs_no_invocation(cloud: LocalCloud) -> None:
    for _ in range(5):
        pid = probe(cloud).payload["pid"]
        os.kill(pid, signal.SIGKILL)
        assert _ends(pid)
        assert probe(cloud).function_error is None


def test_the_invoke_api_speaks_as_lambdas(cloud: LocalCloud, client: Clients) -> None:
    functions = client("lambda")
    context = base64.b64encode(json.dumps({"custom": {"trace": "me"}}).encode()).decode()
    spec = cloud.functions[PROBE]
    for name in (spec.name, spec.arn, f"{spec.arn}:$LATEST", f"123456789012:function:{spec.name}"):
        answer = functions.invoke(FunctionName=name, Payload=b'{"n": 1}', LogType="Tail", ClientContext=context)
        assert answer["StatusCode"] == 200
        assert answer["ExecutedVersion"] == "$LATEST"
        assert "FunctionError" not in answer
        body = json.load(answer["Payload"])
        assert body["client_context"] == {"trace": "me"}
        assert body["request_id"] == answer["ResponseMetadata"]["RequestId"]
        assert body["request_id"] in base64.b64decode(answer["LogResult"]).decode()
    failed = functions.invoke(FunctionName=spec.name, Payload=b'{"do": "raise"}')
    assert failed["StatusCode"] == 200
    assert failed["FunctionError"] == "Unhandled"
    assert functions.invoke(FunctionName=spec.name, InvocationType="DryRun")["StatusCode"] == 204
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName="nobody")
    with pytest.raises(functions.exceptions.InvalidRequestContentException):
        functions.invoke(FunctionName=spec.name, Payload=b"{not json")
    # Everything else of the Lambda API is moto's, and knows the same functions.
    assert functions.get_function_configuration(FunctionName=spec.name)["Timeout"] == 1


def test_a_request_may_be_six_mebibytes_and_no_larger(cloud: LocalCloud, client: Clients) -> None:
    functions = client("lambda")
    name = cloud.function_name(PROBE)
    frame = len(b'{"do": "import", "module": "json", "x": ""}')
    fitting = json.dumps({"do": "import", "module": "json", "x": "x" * (SYNCHRONOUS_LIMIT_BYTES - frame)}).encode()
    assert len(fitting) == SYNCHRONOUS_LIMIT_BYTES == 6_291_456
    assert "FunctionError" not in functions.invoke(FunctionName=name, Payload=fitting)
    with pytest.raises(functions.exceptions.RequestTooLargeException):
        functions.invoke(FunctionName=name, Payload=fitting + b" ")


def test_a_response_larger_than_six_mebibytes_is_an_error(cloud: LocalCloud) -> None:
    assert len(cloud.invoke("ReservedFunction", {"do": "large", "bytes": 6_000_000}).payload) == 6_000_000
    result = cloud.invoke("ReservedFunction", {"do": "large", "bytes": 6_400_000})
    assert result.function_error == "Unhandled"
    assert result.payload["errorType"] == "Function.ResponseSizeTooLarge"
    assert cloud.invoke("ReservedFunction", {}).function_error is None


def test_an_unknown_logical_id_names_those_there_are(cloud: LocalCloud) -> None:
    with pytest.raises(KeyError, match="ProbeFunction"):
        cloud.invoke("NoSuchFunction", {})


def test_a_warm_invoke_costs_under_three_milliseconds(cloud: LocalCloud, client: Clients) -> None:
    probe(cloud)

    def one() -> float:
        began = time.perf_counter()
        probe(cloud)
        return time.perf_counter() - began

    # The fastest of many: what the machine does beside the test must not fail it.
    assert min(one() for _ in range(50)) < 0.003


def _ends(pid: int, *, even_unreaped: bool = False) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if even_unreaped and psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        if not psutil.pid_exists(pid):
            return True
        time.sleep(0.005)
    return False
