"""schemathesis makes requests of the document, alone and in sequences, and holds each answer to it.

TRADEBOT_API_CASES (`make fuzz-api`) says how many; from 10,000 on, every boundary that the document names is tried.
"""

from __future__ import annotations

import json
import os
import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from tests.integration.surface.generated import DOCUMENT

if TYPE_CHECKING:
    from tests.integration.surface.conftest import Surface

CASES = int(os.environ.get("TRADEBOT_API_CASES", "1000"))
ALL_BOUNDARIES_FROM = 10_000
#: Not one that an example of the document names: that would change it, or delete the account.
PASSWORD = "a-candle-of-another-colour"
#: What ends the session that the next request needs: it is opened again.
ENDS_SESSIONS = {"logOutEverywhere", "changePassword", "deleteAccount"}


@dataclass
class Trader:
    """Somebody with a session, who logs in anew once it has ended."""

    surface: Surface
    email: str = field(default_factory=lambda: f"{secrets.token_hex(6)}@example.com")
    token: str | None = None

    def register(self) -> None:
        """Make the account."""
        self._post("register", {"email": self.email, "password": PASSWORD})
        self._post("verify", {"token": self.surface.mailed_token(self.email)})

    def access_token(self) -> str:
        """Return a token that is good."""
        if self.token is None:
            self.surface.run("DELETE FROM throttles")
            self.token = str(self._post("login", {"email": self.email, "password": PASSWORD})["access_token"])
        return self.token

    def _post(self, path: str, body: dict[str, str]) -> Any:
        answer = httpx.post(f"{self.surface.url}/v1/auth/{path}", json=body, timeout=35)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


@dataclass
class Outcome:
    """What a run saw."""

    cases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    succeeded: set[str] = field(default_factory=set)
    findings: list[str] = field(default_factory=list)

    def read(self, event: Any) -> None:
        """Take in an event of the engine."""
        if isinstance(event, events.NonFatalError):
            self.findings.append(f"{event.label}: {event.value!r}")
        if isinstance(event, events.ScenarioFinished) and event.is_test_scenario:
            self.cases[event.phase.value] += len(event.recorder.interactions)
            self._read_scenario(event.recorder)

    def _read_scenario(self, recorder: Any) -> None:
        for case_id, interaction in recorder.interactions.items():
            if interaction.response is not None:
                self.statuses[interaction.response.status_code] += 1
                if interaction.response.status_code < 300:
                    self.succeeded.add(recorder.cases[case_id].value.operation.label)
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.status is Status.FAILURE:
                    self.findings.append(self._said(recorder, case_id, check))

    @staticmethod
    def _said(recorder: Any, case_id: str, check: Any) -> str:
        failure = check.failure_info.failure
        response = recorder.find_response(case_id=case_id)
        case = recorder.cases[case_id].value
        answer = "" if response is None else f"{response.status_code} {response.content[:300]!r}"
        return f"{check.name}: {failure.title}: {failure.message[:300]}\n  {case.as_curl_command()[:700]}\n  {answer}"


def configuration(url: str, cases: int) -> SchemathesisConfig:
    """Return how a run of about `cases` goes: the same one each time for the same document."""
    operations = sum(len(path) for path in json.loads(DOCUMENT.read_text())["paths"].values())
    return SchemathesisConfig.from_dict(
        {
            "base-url": url,
            "seed": 1,
            "continue-on-failure": True,
            "request-timeout": 35.0,
            "generation": {"deterministic": True, "database": "none", "no-shrink": True},
            # It cannot know rules between fields (an average faster than another), nor what is in the database.
            "checks": {"positive_data_acceptance": {"enabled": False}},
            "phases": {
                "examples": {"enabled": True},
                "coverage": {"enabled": cases >= ALL_BOUNDARIES_FROM},
                "fuzzing": {"generation": {"max-examples": max(1, cases * 2 // 3 // operations)}},
                "stateful": {"max-steps": 8, "generation": {"max-examples": max(1, cases // 20)}},
            },
        }
    )


@pytest.fixture
def trader(surface: Surface) -> Trader:
    """A user."""
    trader = Trader(surface)
    trader.register()
    return trader


def test_every_answer_is_one_that_the_document_names(surface: Surface, trader: Trader) -> None:
    schema = schemathesis.openapi.from_dict(json.loads(DOCUMENT.read_text()), config=configuration(surface.url, CASES))

    @schema.auth(refresh_interval=None)
    class _Session:
        def get(self, _case: Any, _context: Any) -> str:
            return trader.access_token()

        def set(self, case: Any, data: str, _context: Any) -> None:
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}

    @schema.hook
    def after_call(context: Any, case: Any, response: Any) -> None:
        operation = case.operation.definition.raw.get("operationId")
        if response.status_code == 429:
            surface.run("DELETE FROM throttles")
        if operation in ENDS_SESSIONS and response.status_code < 300:
            trader.token = None

    outcome = Outcome()
    for event in from_schema(schema).execute():
        outcome.read(event)
    print(f"{outcome.cases.total()} cases, {dict(outcome.cases)}: {dict(sorted(outcome.statuses.items()))}")
    print(f"{len(outcome.succeeded)} operations succeeded: {sorted(outcome.succeeded)}")
    assert not outcome.findings, f"{len(outcome.findings)} findings:\n" + "\n".join(dict.fromkeys(outcome.findings))
    assert outcome.cases.total() >= CASES
    # In sequences, that is: each takes up what an earlier answer named, an id mostly.
    # schemathesis ends its sequences by itself: of ten thousand cases 412 were such.
    assert outcome.cases["stateful"] >= min(250, CASES // 4)
    assert {"GET /v1/bot-configs/{id}", "GET /v1/api-keys/{id}"} <= outcome.succeeded
    assert not [status for status in outcome.statuses if status >= 500]
