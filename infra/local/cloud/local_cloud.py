"""The template's cloud on one machine: deploys both stacks, runs the functions, and stops without a trace."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from infra.local.cloud.aws_environment import isolated_aws_environment
from infra.local.cloud.event_queue import EventQueue, Tally
from infra.local.cloud.functions import ACCOUNT_ID, FunctionSpec
from infra.local.cloud.gateway import Gateway, TokenBucket
from infra.local.cloud.invocation import InvokeResult, Outcome
from infra.local.cloud.kept_state import BucketFiles, KeptState, write_private
from infra.local.cloud.lambda_service import LambdaError, LambdaService
from infra.local.cloud.logs import FunctionLog
from infra.local.cloud.mailbox import Mailbox
from infra.local.cloud.pool import FunctionPool
from infra.local.cloud.routes import routes_of
from infra.local.cloud.translate import TemplateError, translate
from infra.local.state import LocalError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType

    from infra.local.cloud.resources import Deployment
    from infra.local.cloud.wire import Request

REPOSITORY = Path(__file__).resolve().parents[3]
#: Not in the US, where Binance answers 451. samconfig.toml names the same.
REGION = "eu-central-1"
ATTACH_FILE = "running.json"
HOUSEKEEPING_SECONDS = 0.5
_one_at_a_time = threading.Lock()
_loading = threading.Lock()


def preload(region: str = REGION) -> None:
    """Import what takes two seconds (moto); a caller may do so in a thread while other things start.

    boto3 sessions are made on the way, so the user's AWS setup is hidden meanwhile.
    """
    with _loading, isolated_aws_environment(region):
        from infra.local.cloud import deploy, endpoint, resources, schedules  # noqa: F401, PLC0415


class PortTakenError(LocalError):
    """Another program listens where the API was to be."""


class LocalCloud:
    """A context manager; between enter and exit the stacks are up.

    One per process at a time, because moto's state is the process's. The state folder keeps what survives a restart.
    """

    def __init__(
        self,
        state_directory: Path,
        *,
        foundation_parameters: dict[str, str] | None = None,
        parameters: dict[str, str] | None = None,
        api_port: int = 0,
        foundation: Path | None = REPOSITORY / "infra" / "foundation.yaml",
        template: Path = REPOSITORY / "template.yaml",
        stack_name: str = "tradebot",
        region: str = REGION,
        max_processes: int = 8,
        queue_seconds: float = 10.0,
        idle_seconds: float = 300.0,
        stop_seconds: float = 3.0,
        retry_delay_scale: float = 1.0,
        observe: Callable[[Request], None] | None = None,
    ) -> None:
        """Set it up; nothing runs before `with`.

        max_processes: of one function, on this machine. queue_seconds: how long a synchronous invoke waits for one of
        them. idle_seconds: after which a process ends. stop_seconds: what runs when the cloud stops may take so long to
        end by itself. retry_delay_scale: 1 retries failed events after one and two
        minutes, as Lambda does. observe: sees every request to an AWS service, by access key (`access_key_of`).
        """
        self.state_directory = state_directory
        self.log_directory = state_directory / "logs"
        self.region = region
        self._foundation = foundation
        self._template = template
        self._foundation_parameters = foundation_parameters or {}
        self._parameters = parameters or {}
        self._api_port = api_port
        self._stack_name = stack_name
        self._max_processes = max_processes
        self._queue_seconds = queue_seconds
        self._idle_seconds = idle_seconds
        self._stop_seconds = stop_seconds
        self._retry_delay_scale = retry_delay_scale
        self._observe = observe
        self._cleanup = contextlib.ExitStack()
        self._tally = Tally()
        self._pools: dict[str, FunctionPool] = {}
        self._names: dict[str, str] = {}
        self._bucket_files: dict[str, BucketFiles] = {}
        self._s3_changed = threading.Event()
        self._mailbox = Mailbox(state_directory)
        self._saving = threading.Lock()
        self.endpoint_url: str
        self.api_url: str
        #: The stacks' outputs.
        self.outputs: dict[str, str] = {}

    # -- life ---------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if not _one_at_a_time.acquire(blocking=False):
            raise RuntimeError("another LocalCloud runs in this process, and moto's state is the process's")
        with contextlib.ExitStack() as stack:
            stack.callback(_one_at_a_time.release)
            self._start(stack)
            self._cleanup = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End every process, keep what is to be kept, and close the ports."""
        self._cleanup.close()

    def _start(self, stack: contextlib.ExitStack) -> None:
        self.state_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        gateway = _gateway(self._api_port)  # first: the port may be taken, and the stack wants to know its address
        stack.callback(gateway.stop)
        self.api_url = gateway.url
        preload(self.region)
        stack.enter_context(isolated_aws_environment(self.region))
        from moto.core.config import default_user_config  # noqa: PLC0415

        from infra.local.cloud.deploy import forget_everything  # noqa: PLC0415
        from infra.local.cloud.endpoint import Endpoint  # noqa: PLC0415
        from infra.local.cloud.resources import Deployment  # noqa: PLC0415

        # Put back at the end: others in this process may want moto as it comes.
        workflows = default_user_config["stepfunctions"]
        stack.callback(workflows.__setitem__, "execute_state_machine", workflows["execute_state_machine"])
        workflows["execute_state_machine"] = True
        forget_everything()
        stack.callback(forget_everything)
        endpoint = Endpoint(on_s3_change=self._s3_changed.set, on_mail=self._keep_mail, observe=self._observe)
        stack.callback(endpoint.stop)
        self.endpoint_url = endpoint.url
        os.environ["MOTO_PORT"] = str(endpoint.port)  # where moto's state machines invoke functions
        stack.callback(os.environ.pop, "MOTO_PORT", None)
        deployment = Deployment(KeptState(self.state_directory), api_endpoint=gateway.url)
        specs = self._deploy(deployment)
        self._restore_buckets(deployment)
        service = self._functions(specs, stack)
        endpoint.service = service
        self._service = service
        endpoint.start()
        from infra.local.cloud.schedules import Schedules  # noqa: PLC0415

        self._schedules = Schedules(service, self.region)
        self._serve_api(gateway, service, deployment)
        self._keep_house(stack)
        self._announce(stack)

    def _deploy(self, deployment: Deployment) -> dict[str, FunctionSpec]:
        from infra.local.cloud.deploy import deploy, function_specs  # noqa: PLC0415  after moto

        cache = self.state_directory / "translated"
        code_roots: dict[str, Path] = {}
        stacks = [(f"{self._stack_name}-foundation", self._foundation, self._foundation_parameters)]
        stacks.append((self._stack_name, self._template, self._parameters))
        for name, path, parameters in stacks:
            if path is None:
                continue
            template = translate(path, parameters, region=self.region, cache=cache)
            self.outputs |= deploy(name, template, deployment, self.region)
            code_roots |= template.code_roots
        return function_specs(deployment, code_roots)

    def _functions(self, specs: dict[str, FunctionSpec], stack: contextlib.ExitStack) -> LambdaService:
        spawner = ThreadPoolExecutor(1, thread_name_prefix="spawner")
        stack.callback(spawner.shutdown)
        queues = {}
        for name, spec in specs.items():
            log = FunctionLog(self.log_directory / f"{name}.log")
            stack.callback(log.close)
            pool = FunctionPool(
                spec,
                log,
                self.endpoint_url,
                spawner=spawner,
                max_processes=self._max_processes,
                queue_seconds=self._queue_seconds,
            )
            self._pools[name], self._names[spec.logical_id] = pool, name
            queue = EventQueue(
                pool,
                self._tally,
                runners=self._max_processes,
                retry_delay_scale=self._retry_delay_scale,
                deliver=self._deliver,
            )
            queues[name] = queue
        stack.callback(self._stop_functions, queues)
        return LambdaService(self._pools, queues)

    def _stop_functions(self, queues: dict[str, EventQueue]) -> None:
        deadline = time.monotonic() + self._stop_seconds
        for queue in queues.values():
            queue.stop()
        for pool in self._pools.values():
            pool.refuse()
        for pool in self._pools.values():
            pool.wait_until_idle(deadline)
        for pool in self._pools.values():
            pool.stop()

    def _serve_api(self, gateway: Gateway, service: LambdaService, deployment: Deployment) -> None:
        if len(deployment.apis) > 1:
            raise TemplateError("the template has more than one HTTP API; one is carried out here")
        for api_id, api in deployment.apis.items():
            routes = routes_of(api)
            self._check_api_permissions(routes, api_id)
            gateway.serve(service, api_id, routes, self._throttling(deployment))

    def _check_api_permissions(self, routes: list[Any], api_id: str) -> None:
        from infra.local.cloud.deploy import may_invoke  # noqa: PLC0415  after moto

        for route in routes:
            name = self._service.resolve(route.function_arn)
            source = f"arn:aws:execute-api:{self.region}:{ACCOUNT_ID}:{api_id}/$default/$default"
            if not may_invoke(name, self.region, principal="apigateway.amazonaws.com", source_arn=source):
                raise TemplateError(f"the HTTP API may not invoke {name}: an AWS::Lambda::Permission is missing")

    @staticmethod
    def _throttling(deployment: Deployment) -> TokenBucket | None:
        for stage in deployment.stages:
            settings = stage.get("DefaultRouteSettings") or {}
            if stage.get("StageName") == "$default" and "ThrottlingRateLimit" in settings:
                rate = float(settings["ThrottlingRateLimit"])
                return TokenBucket(rate, float(settings.get("ThrottlingBurstLimit", rate)))
        return None

    def _announce(self, stack: contextlib.ExitStack) -> None:
        path = self.state_directory / ATTACH_FILE
        running = {
            "pid": os.getpid(),
            "endpoint_url": self.endpoint_url,
            "api_url": self.api_url,
            "region": self.region,
            "functions": {spec.code_root.name: spec.name for spec in self.functions.values()},
            "log_directory": str(self.log_directory),
        }
        write_private(path, json.dumps(running, indent=1).encode())
        stack.callback(path.unlink, missing_ok=True)

    # -- what is kept -------------------------------------------------------------------------------------------------

    def _restore_buckets(self, deployment: Deployment) -> None:
        from moto.s3.models import s3_backends  # noqa: PLC0415  after moto

        self._s3 = s3_backends[ACCOUNT_ID]["aws"]
        for logical_id, name in deployment.buckets.items():
            files = BucketFiles(self.state_directory / "buckets" / logical_id)
            files.restore(name, lambda bucket, key, content: self._s3.put_object(bucket, key, content).etag)
            self._bucket_files[name] = files

    def _save_buckets(self) -> None:
        with self._saving:
            for name, files in self._bucket_files.items():
                bucket = self._s3.buckets.get(name)
                if bucket is not None:
                    files.save(dict(bucket.keys.items()))

    def _keep_mail(self) -> None:
        from moto.ses.models import ses_backends  # noqa: PLC0415  after moto

        self._mailbox.collect(ses_backends[ACCOUNT_ID][self.region].sent_messages)

    def _keep_house(self, stack: contextlib.ExitStack) -> None:
        stopped = threading.Event()

        def run() -> None:
            while not stopped.wait(HOUSEKEEPING_SECONDS):
                if self._s3_changed.is_set():
                    self._s3_changed.clear()
                    self._save_buckets()
                for pool in self._pools.values():
                    pool.end_idle(self._idle_seconds)

        thread = threading.Thread(target=run, name="housekeeping", daemon=True)
        thread.start()
        stack.callback(self._save_buckets)
        stack.callback(thread.join)
        stack.callback(stopped.set)

    def _deliver(self, queue_arn: str, record: dict[str, Any]) -> None:
        from moto.sqs.models import sqs_backends  # noqa: PLC0415  after moto

        backend = sqs_backends[ACCOUNT_ID][self.region]
        backend.send_message(queue_arn.rsplit(":", 1)[-1], json.dumps(record))

    # -- use ----------------------------------------------------------------------------------------------------------

    @property
    def functions(self) -> dict[str, FunctionSpec]:
        """Every function by its logical id."""
        return {pool.spec.logical_id: pool.spec for pool in self._pools.values()}

    @property
    def process_ids(self) -> list[int]:
        """The functions' processes that live now."""
        return [pid for pool in self._pools.values() for pid in pool.process_ids]

    def function_name(self, logical_id: str) -> str:
        """Return a function's name by its logical id. Raises KeyError with the ids there are."""
        if logical_id not in self._names:
            raise KeyError(f"there is no function {logical_id}; there are: {', '.join(sorted(self._names))}")
        return self._names[logical_id]

    def invoke(self, logical_id: str, event: object, *, asynchronous: bool = False) -> InvokeResult:
        """Invoke a function: its result, or for an asynchronous invocation that it was accepted (status 202)."""
        name, payload = self.function_name(logical_id), json.dumps(event).encode()
        try:
            if asynchronous:
                request_id = self._service.enqueue(name, payload)
                return InvokeResult(HTTPStatus.ACCEPTED, None, None, "", request_id)
            return _result(self._service.invoke(name, payload))
        except LambdaError as error:
            return InvokeResult(error.status, error.body, error.code, "")

    def fire_schedules(self, at: datetime) -> list[str]:
        """Fire every enabled scheduled rule that matches the market minute `at` (aware); return their names."""
        return self._schedules.fire(at)

    def drain(self, timeout_seconds: float) -> None:
        """Return when no asynchronous invocation is queued or running. Raises TimeoutError, which says what is."""
        self._tally.wait_for_none(timeout_seconds)

    def log_tail(self, logical_id: str, lines: int = 50) -> str:
        """Return the last lines of a function's log."""
        return self._pools[self.function_name(logical_id)].log.tail(lines)


def _gateway(port: int) -> Gateway:
    try:
        return Gateway(port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortTakenError(f"port {port} is taken by another program: name another one for the API") from error


def _result(outcome: Outcome) -> InvokeResult:
    try:
        payload = json.loads(outcome.payload or b"null")
    except ValueError:
        payload = outcome.payload.decode("utf-8", "replace")
    return InvokeResult(
        HTTPStatus.OK,
        payload,
        outcome.function_error,
        outcome.log_tail.decode("utf-8", "replace"),
        duration_ms=outcome.duration_ms,
    )
