"""Everything that the platform does, once, with secrets that occur nowhere else: what the tests beside look through."""

from __future__ import annotations

import base64
import secrets
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx

from infra.local.cloud.schedules import scheduled_event
from tests.integration.surface.conftest import NOW

if TYPE_CHECKING:
    from tests.integration.surface.conftest import Surface

BACKTEST_SECONDS = 90.0
STRATEGY: dict[str, Any] = {
    "strategy": "ema",
    "ema_fast": 3,
    "ema_slow": 8,
    "rsi_period": 7,
    "rsi_oversold": 20,
    "rsi_overbought": 80,
    "stop_loss_perc": "0.8",
    "take_profit_perc": "1.6",
    "position_size_perc": "50",
}
#: What may hold a token in its answer: whoever asked gets it.
HANDS_OUT_TOKENS = ("/auth/login", "/auth/refresh")


def canary() -> str:
    """Return a secret that occurs nowhere else."""
    return f"canary-{secrets.token_hex(24)}"


@dataclass
class FullRun:
    """A user whose every secret is known, and every answer that this user got."""

    surface: Surface
    secrets: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    token: str = ""

    def call(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        """Send a request; `status` is what has to come, by default any success."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = httpx.request(method, f"{self.surface.url}/v1{path}", json=body, headers=headers, timeout=35)
        assert answer.status_code == status if status else answer.is_success, (method, path, answer.text)
        if not path.startswith(HANDS_OUT_TOKENS):
            self.answers.append(f"{answer.text} {answer.headers}")
        return answer.json() if answer.text.startswith("{") else answer.text

    def go(self) -> None:
        """Do everything."""
        self._account()
        key_id = self._keys()
        self._trade(key_id)
        self._backtests()
        self._maintain(key_id)
        self._wrong(key_id)
        self._rest()

    def _account(self) -> None:
        email = f"{secrets.token_hex(6)}@example.com"
        first, second = canary(), canary()
        self.secrets |= {"password": first, "reset password": second}
        self.call("POST", "/auth/register", {"email": email, "password": first})
        self.secrets["verification token"] = self.surface.mailed_token(email)
        self.call("POST", "/auth/verify", {"token": self.secrets["verification token"]})
        self.call("POST", "/auth/login", {"email": email, "password": first + "x"}, status=401)
        self.call("POST", "/auth/forgot-password", {"email": email})
        self.secrets["reset token"] = self.surface.mailed_token(email)
        self.call("POST", "/auth/reset-password", {"token": self.secrets["reset token"], "password": second})
        session = self.call("POST", "/auth/login", {"email": email, "password": second})
        renewed = self.call("POST", "/auth/refresh", {"refresh_token": session["refresh_token"]})
        self.token = renewed["access_token"]
        self.secrets |= {
            "access token": self.token,
            "its signature": self.token.rsplit(".", 1)[1],
            "used refresh token": session["refresh_token"],
            "refresh token": renewed["refresh_token"],
        }

    def _keys(self) -> int:
        good, unknown = (canary(), canary()), (canary(), canary())
        self.secrets |= {"api key": good[0], "api secret": good[1]}
        self.secrets |= {"refused api key": unknown[0], "refused api secret": unknown[1]}
        funds = {wallet: {"USDT": "10000"} for wallet in ("spot", "futures")}
        self.surface.machine.exchange.open_account(*good, funds)
        body = {"label": "canary", "environment": "testnet", "api_key": unknown[0], "secret_key": unknown[1]}
        key_id: int = self.call("POST", "/api-keys", body)["id"]
        self.surface.machine.cloud.drain(60)
        assert not self.call("GET", f"/api-keys/{key_id}")["is_valid"]
        self._note_data_key("refused data key", key_id)
        self.call("PUT", f"/api-keys/{key_id}/credentials", {"api_key": good[0], "secret_key": good[1]})
        self.surface.machine.cloud.drain(60)
        assert self.call("GET", f"/api-keys/{key_id}")["is_valid"]
        self._note_data_key("data key", key_id)
        return key_id

    def _note_data_key(self, name: str, key_id: int) -> None:
        """Have KMS open a row's data key, which nobody but bot_runner sees in clear."""
        ((wrapped, user_id),) = self.surface.run(
            "SELECT encrypted_data_key, user_id FROM api_keys WHERE id = :id", id=key_id
        )
        context = {"app": "tradebot", "purpose": "exchange-key", "user_id": str(user_id), "api_key_id": str(key_id)}
        plain = self.surface.client("kms").decrypt(CiphertextBlob=base64.b64decode(wrapped), EncryptionContext=context)[
            "Plaintext"
        ]
        self.secrets[name] = base64.b64encode(plain).decode()

    def _trade(self, key_id: int) -> None:
        common = {"symbol": "BTCUSDT", "timeframe": "1m", "api_key_id": key_id, **STRATEGY}
        spot = self.call("POST", "/bot-configs", {"name": "spot", **common})["id"]
        futures = self.call(
            "POST", "/bot-configs", {"name": "futures", "position_type": "futures", "leverage": 3, **common}
        )["id"]
        for bot in (spot, futures):
            self.call("POST", f"/bot-runner/{bot}/start")
        self.surface.tick(12)
        self.surface.machine.exchange.add_fault("status", status=503, count=3)
        self.surface.tick(2)
        self.surface.machine.exchange.clear_faults()
        self.surface.tick(2)
        assert self.call("GET", "/trades")["items"]
        self.call("POST", f"/bots/{futures}/emergency-close")
        self.surface.machine.cloud.drain(60)
        self._fire("MaintenanceFunction")  # while a bot is active, it keeps the rule enabled
        self.call("POST", f"/bot-runner/{spot}/stop", {"position": "close"})
        self.call("POST", f"/bot-runner/{futures}/stop", {"position": "close"})

    def _fire(self, function: str, event: Any = None) -> Any:
        market = self.surface.machine.exchange.market_time()
        given = event or scheduled_event("", self.surface.machine.cloud.region, market)
        result = self.surface.machine.cloud.invoke(function, given)
        assert not result.function_error, result.payload
        self.surface.machine.cloud.drain(60)
        return result.payload

    def _backtests(self) -> None:
        body = {
            "symbol": "BTCUSDT",
            "interval": "1m",
            "start_date": (NOW - timedelta(hours=8)).isoformat(),
            "end_date": (NOW - timedelta(hours=2)).isoformat(),
            "initial_capital": "10000",
            "parameters": STRATEGY,
        }
        cancelled = self.call("POST", "/backtests", body)["id"]
        self.call("POST", f"/backtests/{cancelled}/cancel")
        backtest = self.call("POST", "/backtests", body)["id"]
        deadline = time.monotonic() + BACKTEST_SECONDS
        while (seen := self.call("GET", f"/backtests/{backtest}"))["status"] in {"pending", "running"}:
            assert time.monotonic() < deadline, seen
            time.sleep(0.1)
        assert seen["status"] == "succeeded", seen
        self.call("GET", f"/backtests/{backtest}/report.html")
        # As if it had failed; and as if its end had been lost: maintenance asks the workflow about it.
        ((user_id,),) = self._set_running(cancelled)
        failure = {"Error": "States.Timeout", "Cause": ""}
        ids = {"backtest_id": cancelled, "user_id": user_id}
        self._fire("BacktestPlanFunction", {"backtest": ids, "failure": failure})
        self._set_running(cancelled)
        self._fire("MaintenanceFunction")
        self.call("DELETE", f"/backtests/{backtest}")

    def _set_running(self, backtest_id: int) -> Any:
        return self.surface.run(
            "UPDATE backtests SET status = 'running', finished_at = NULL, created_at = now() - interval '1 hour'"
            " WHERE id = :id RETURNING user_id",
            id=backtest_id,
        )

    def _maintain(self, key_id: int) -> None:
        self.surface.run("UPDATE api_keys SET checked_at = now() - interval '2 days' WHERE id = :id", id=key_id)
        self._fire("MaintenanceFunction")
        self._fire("MaintenanceFunction", {"rotate": {"most": 100}})
        for is_on in (True, False):
            self._fire("MaintenanceFunction", {"kill_switch": {"on": is_on, "by": "tests", "reason": "a full run"}})

    def _wrong(self, key_id: int) -> None:
        """Let every function fail at something."""
        key = {"api_key": self.secrets["api key"], "secret_key": self.secrets["api secret"] + "\x07"}
        self.call("PUT", f"/api-keys/{key_id}/credentials", key, status=422)
        self.call("POST", "/auth/register", {"email": "x", "password": self.secrets["password"]}, status=422)
        self.call("GET", "/backtests/2000000011", status=404)
        cloud = self.surface.machine.cloud
        for function in sorted(cloud.functions):
            if function not in {"ApiFunction", "MigrateFunction", "MaintenanceFunction"}:
                assert cloud.invoke(function, {"nonsense": True}).function_error, function

    def _rest(self) -> None:
        """Tick until nothing is active, so that the dispatcher switches its rule off."""
        self.surface.tick(3)
