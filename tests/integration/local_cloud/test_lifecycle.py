"""What stops, what stays: processes after a stop and after a SIGKILL, and the state that the next start finds."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from infra.local.state import REPOSITORY

from .conftest import small_cloud

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from infra.local.cloud import LocalCloud
    from infra.local.cloud.wire import Request

SUPERVISOR = """
import sys, time
from pathlib import Path
from tests.integration.local_cloud.conftest import small_cloud
with small_cloud(Path(sys.argv[1])) as cloud:
    cloud.invoke("ProbeFunction", {})
    cloud.invoke("DefaultsFunction", {"do": "sleep", "seconds": 60}, asynchronous=True)
    while len(cloud.process_ids) < 2:
        time.sleep(0.01)
    time.sleep(0.2)
    print(*cloud.process_ids, flush=True)
    time.sleep(600)
"""


def relay(
    cloud: LocalCloud, service: str, operation: str, names: dict[str, str] | None = None, **arguments: Any
) -> Any:
    """Call a service from inside a function."""
    event = {"service": service, "operation": operation, "from_environment": names or {}, "arguments": arguments}
    result = cloud.invoke("RelayFunction", event)
    assert result.function_error is None, result.payload
    return result.payload


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def all_gone(pids: list[int]) -> bool:
    return eventually(lambda: not any(is_alive(pid) for pid in pids))


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_no_process_outlives_the_supervisor(tmp_path: Path, ending: signal.Signals) -> None:
    # An AWS setup of the user's that does not exist must not matter either.
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "AWS_PROFILE": "no-such-profile"}
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path)],
        env=environment,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as supervisor:
        assert supervisor.stdout is not None
        workers = [int(pid) for pid in supervisor.stdout.readline().split()]
        assert len(workers) == 2
        assert all(psutil.pid_exists(pid) for pid in workers), "an idle one and one in the middle of its work"
        supervisor.send_signal(ending)
        supervisor.wait(10)
    assert all_gone(workers)
    assert (tmp_path / "running.json").exists() == (ending == signal.SIGKILL)


def test_what_was_encrypted_before_a_restart_is_decrypted_after_it(tmp_path: Path) -> None:
    context = {"purpose": "exchange-key"}
    with small_cloud(tmp_path) as cloud:
        key = cloud.functions["RelayFunction"].environment["KEY_ARN"]
        names = {"KeyId": "KEY_ARN"}
        sealed = relay(cloud, "kms", "generate_data_key", names, KeySpec="AES_256", EncryptionContext=context)
    with small_cloud(tmp_path) as cloud:
        assert cloud.functions["RelayFunction"].environment["KEY_ARN"] == key
        # The event is JSON, so the ciphertext reaches KMS through a client of the test's.
        plain = decrypt(cloud, bytes.fromhex(sealed["CiphertextBlob"]), context)
    assert plain.hex() == sealed["Plaintext"]


def decrypt(cloud: LocalCloud, blob: bytes, context: dict[str, str]) -> bytes:
    import boto3  # noqa: PLC0415  after the cloud has hidden the user's AWS setup

    client = boto3.client("kms", endpoint_url=cloud.endpoint_url, region_name=cloud.region)
    try:
        plain: bytes = client.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"]
        return plain
    finally:
        client.close()


def test_the_secret_stays_the_same_and_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    secrets = []
    for _ in range(2):
        with small_cloud(tmp_path) as cloud:
            answer = relay(cloud, "secretsmanager", "get_secret_value", SecretId="small/dev/secret")
            secrets.append(answer["SecretString"])
    assert secrets[0] == secrets[1]
    value = json.loads(secrets[0])
    assert value["kept"] == "as is"
    assert len(value["current"]) == 48
    assert stat.S_IMODE((tmp_path / "kept.json").stat().st_mode) == 0o600


def test_buckets_keep_their_name_and_objects_and_forget_what_was_deleted(tmp_path: Path) -> None:
    with small_cloud(tmp_path) as cloud:
        name = cloud.functions["RelayFunction"].environment["BUCKET"]
        for key in ("candles/BTCUSDT/2023-03.bin", "a key/with ünusual ? letters", "gone"):
            relay(cloud, "s3", "put_object", Bucket=name, Key=key, Body=f"content of {key}")
        relay(cloud, "s3", "delete_object", Bucket=name, Key="gone")
    with small_cloud(tmp_path) as cloud:
        assert cloud.functions["RelayFunction"].environment["BUCKET"] == name
        listed = relay(cloud, "s3", "list_objects_v2", Bucket=name)["Contents"]
        assert sorted(item["Key"] for item in listed) == ["a key/with ünusual ? letters", "candles/BTCUSDT/2023-03.bin"]
        head = relay(cloud, "s3", "head_object", Bucket=name, Key="candles/BTCUSDT/2023-03.bin")
        assert head["ContentLength"] == len("content of candles/BTCUSDT/2023-03.bin")


def test_a_change_in_a_bucket_is_on_disk_soon_after_it(tmp_path: Path) -> None:
    with small_cloud(tmp_path) as cloud:
        name = cloud.functions["RelayFunction"].environment["BUCKET"]
        relay(cloud, "s3", "put_object", Bucket=name, Key="candles", Body="bytes")
        path = tmp_path / "buckets" / "Bucket" / "candles"
        assert eventually(path.exists)
        assert path.read_bytes() == b"bytes", "a SIGKILL now would lose nothing"
        relay(cloud, "s3", "delete_object", Bucket=name, Key="candles")
        assert eventually(lambda: not path.exists())


def test_stopping_lets_what_runs_end_and_starts_nothing_more(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    with small_cloud(tmp_path / "state", max_processes=1) as cloud:
        cloud.invoke("ProbeFunction", {})
        for _ in range(5):
            cloud.invoke("ProbeFunction", {"do": "append", "path": str(ran), "seconds": 0.5}, asynchronous=True)
        while not ran.exists():
            time.sleep(0.01)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert len(ran.read_text().splitlines()) == 1
    last = (tmp_path / "state" / "logs" / "small-probe.log").read_text().splitlines()[-1]
    assert last.startswith("REPORT")
    assert "Status: error" not in last, "it was not killed"


def test_idle_processes_end(tmp_path: Path) -> None:
    with small_cloud(tmp_path, idle_seconds=0.2) as cloud:
        pid = cloud.invoke("ProbeFunction", {}).payload["pid"]
        assert all_gone([pid])
        deadline = time.monotonic() + 5
        while cloud.process_ids:  # the supervisor hears of it a moment later
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert cloud.invoke("ProbeFunction", {}).function_error is None


def test_a_synchronous_caller_is_throttled_when_no_process_becomes_free(tmp_path: Path) -> None:
    with small_cloud(tmp_path, max_processes=1, queue_seconds=0.1, parameters={"ProbeTimeout": "5"}) as cloud:
        cloud.invoke("ProbeFunction", {})
        cloud.invoke("ProbeFunction", {"do": "sleep", "seconds": 1}, asynchronous=True)
        time.sleep(0.2)
        refused = cloud.invoke("ProbeFunction", {})
        assert refused.status == 429
        assert refused.function_error == "TooManyRequestsException"
        cloud.drain(5)


def test_what_the_supervisor_finds_in_its_environment_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    with small_cloud(tmp_path):
        assert "AWS_PROFILE" not in os.environ
    assert os.environ["AWS_PROFILE"] == "mine"
    assert "MOTO_PORT" not in os.environ


def test_every_request_to_a_service_can_be_observed_with_its_role(tmp_path: Path) -> None:
    from infra.local.cloud.functions import access_key_of  # noqa: PLC0415

    seen: list[Request] = []
    with small_cloud(tmp_path, observe=seen.append) as cloud:
        relay(cloud, "events", "enable_rule", {"Name": "RULE"})
        role = cloud.functions["RelayFunction"].role_arn
    (call,) = [request for request in seen if request.header("x-amz-target") == "AWSEvents.EnableRule"]
    assert access_key_of(role) in call.header("authorization")
    assert json.loads(call.body) == {"Name": "small-minutely"}
