"""Builds what would be deployed, by the Makefiles that `sam build` calls, and runs it with nothing else on its path.

Built for the processor of this machine, so that it can be imported here; kept by the content of what it is built from.
The one place in the tests that may ask the package index, for wheels of the functions' Python that uv has not kept yet.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from infra.build.runtime_python import find
from infra.local.cloud.translate import load
from tests.architecture.templates import ROOT, functions, variables

CACHE = ROOT / ".aws-sam" / "for-tests"
KINDS = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}
SOURCES: dict[str, Path] = {
    logical_id: ROOT / entry["Properties"][KINDS[entry["Type"]]]
    for logical_id, entry in load(ROOT / "template.yaml")["Resources"].items()
    if entry["Type"] in KINDS
}
RUNNER = Path(__file__).with_name("lambda_stand_in.py")


@cache
def runtime_python() -> Path:
    """Return a Python of the functions' version; without one, the test that asks is skipped."""
    python = find()
    if python is None:
        pytest.skip("no working python3.13: `.venv/bin/uv python install 3.13` brings one")
    return python


@cache
def built(logical_id: str) -> Path:
    """Return the folder that holds a function's or layer's artifact."""
    runtime = runtime_python()
    place = CACHE / f"{logical_id}-{_fingerprint(SOURCES[logical_id], runtime)}"
    CACHE.mkdir(parents=True, exist_ok=True)
    # Two workers of one test run ask for the same artifact at the same moment.
    with (CACHE / f"{logical_id}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            for stale in CACHE.glob(f"{logical_id}-*"):
                shutil.rmtree(stale)
            _build(logical_id, place, runtime)
    return place


def _fingerprint(source: Path, runtime: Path) -> str:
    digest = hashlib.sha256(f"{runtime} {platform.machine()}".encode())
    for folder in (source, ROOT / "infra" / "build"):
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            digest.update(f"{path.relative_to(ROOT)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _build(logical_id: str, place: Path, runtime: Path) -> None:
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="building-") as scratch:
        source, artifacts = Path(scratch, "source"), Path(scratch, "artifacts")
        shutil.copytree(SOURCES[logical_id], source, ignore=shutil.ignore_patterns("__pycache__"))
        artifacts.mkdir()
        done = subprocess.run(
            ["make", "--silent", "--makefile", str(SOURCES[logical_id] / "Makefile"), f"build-{logical_id}"],
            cwd=source,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PYTHON"))},
                "ARTIFACTS_DIR": str(artifacts),
                "ARCH": {"aarch64": "arm64"}.get(platform.machine(), platform.machine()),
                "RUNTIME_PYTHON": str(runtime),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{logical_id} does not build:\n{done.stdout}{done.stderr}"
        artifacts.rename(place)


def layers_of(function: str, deployment: str = "external") -> list[str]:
    """Return the logical ids of a function's layers as the template names them (the translator adds a hash)."""
    named = [layer["Ref"] for layer in functions(deployment)[function]["Layers"]]
    return [next(layer for layer in SOURCES if name.startswith(layer)) for name in named]


@dataclass(frozen=True)
class Answer:
    """What became of one event: a result, or the exception's classes (its own first) and text."""

    result: Any
    error: list[str]
    message: str


@dataclass(frozen=True)
class Run:
    """What a process of a function answered, event by event, and the packages it had imported in the end."""

    answers: list[Answer]
    imported: frozenset[str]


def run(function: str, events: list[Any], *, first: str = "", beside: Path | None = None) -> Run:
    """Import a function's handler as Lambda does and give it the events; `first` is run before them, in that process.

    Nothing but its artifact, its layers, the standard library and what lies in `beside` can be imported. boto3, which
    the runtime brings, answers every call with an error, and so does the database.
    """
    deployment = "external" if beside is None else "aurora"
    task = {
        "path": [
            str(built(function)),
            *[str(built(layer) / "python") for layer in layers_of(function, deployment)],
            *([str(beside)] if beside else []),
        ],
        "events": events,
        "first": first,
    }
    done = subprocess.run(
        [str(runtime_python()), "-I", "-S", str(RUNNER)],
        input=json.dumps(task),
        env=_environment(function),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{function} does not run from its artifacts:\n{done.stderr}"
    said = json.loads(done.stdout.splitlines()[-1])
    return Run([Answer(**answer) for answer in said["answers"]], frozenset(said["imported"]))


def _environment(function: str) -> dict[str, str]:
    declared = load(ROOT / "template.yaml")["Parameters"]
    given = variables(functions("external")[function])
    resolved = {
        name: value if isinstance(value, str) else str(declared.get(value.get("Ref"), {}).get("Default", "unresolved"))
        for name, value in given.items()
    }
    if "DATABASE_URL" in given:
        resolved["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:9/tradebot?sslmode=disable"
    return {**resolved, "AWS_REGION": "eu-central-1", "AWS_LAMBDA_FUNCTION_NAME": function, "LANG": "C.UTF-8"}
