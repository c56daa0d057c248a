"""The simulated exchange as a process of its own, and its control API."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx

from infra.local.state import REPOSITORY, LocalError, Market

if TYPE_CHECKING:
    from pathlib import Path

STOP_SECONDS = 5.0
LIMITS_FACTOR = 1_000


class ExchangeProcess:
    """Starts and stops the simulated exchange, moves its market and reads its ledger."""

    def __init__(self, state: Path, market: Market) -> None:
        self._state = state
        self._market = market
        self._process: subprocess.Popen[str] | None = None
        self._http = httpx.Client(timeout=60)
        self.url = ""

    def start(self) -> str:
        """Start it and return its base URL. Raises LocalError with its own words where it does not start."""
        self._state.mkdir(parents=True, exist_ok=True)
        log = self._state / "exchange.log"
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "infra.local.exchange", "--port", "0", *self._arguments()],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,  # its end tells the exchange that this process is gone, however it went
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,  # Ctrl-C is for the supervisor, which stops its children in order
            )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "listening on " in line:
                self.url = line.rpartition("listening on ")[2].strip()
                return self.url
        said = log.read_text().strip() or "the simulated exchange ended without a word"
        if self._market.kind == "live":
            said += " With make: LIVE_URL=... names other hosts; `make up` or `make up CANDLES=...` need none."
        raise LocalError(said)

    def _arguments(self) -> list[str]:
        market = self._market
        arguments = ["--state", str(self._state / "state"), "--market", market.kind, "--exit-with-stdin"]
        if market.kind != "live":
            # A minute of these markets passes in a second or less, and the limits count real minutes.
            arguments += ["--limits-factor", str(LIMITS_FACTOR)]
        if market.kind == "generator":
            arguments += ["--seed", str(market.seed)]
        if market.candles is not None:
            arguments += ["--csv", str(market.candles)]
        if market.live_url is not None:
            arguments += ["--live-spot-url", market.live_url, "--live-futures-url", market.live_url]
        if market.start is not None:
            arguments += ["--start", market.start.isoformat()]
        return arguments

    def stop(self) -> None:
        """Stop it and wait until it is gone."""
        self._http.close()
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        response = self._http.request(method, f"{self.url}/sim{path}", json=body)
        if response.is_error:
            raise LocalError(f"the simulated exchange answered {response.status_code} to {path}: {response.text}")
        return response.json()

    def advance(self, to: datetime) -> None:
        """Let the market run to `to`."""
        self._call("POST", "/advance", {"to": to.isoformat()})

    def market_time(self) -> datetime:
        """Return the minute at whose open the market stands."""
        return datetime.fromisoformat(self._call("GET", "/time")["market_time"])

    def market_end(self) -> datetime | None:
        """Return the last minute of a market that has one."""
        end = self._call("GET", "/time")["market_end"]
        return datetime.fromisoformat(end) if end else None

    def open_account(self, api_key: str, secret_key: str, funds: dict[str, dict[str, str]]) -> None:
        """Open the account of a key, with its first funds; one that is there stays as it is."""
        self._call("PUT", f"/accounts/{api_key}", {"secret_key": secret_key, **funds})

    def account(self, api_key: str) -> dict[str, Any]:
        """Return balances, positions and open orders."""
        answer: dict[str, Any] = self._call("GET", f"/accounts/{api_key}")
        return answer

    def executions(self, api_key: str) -> list[dict[str, Any]]:
        """Return every execution of an account, oldest first."""
        rows: list[dict[str, Any]] = self._call("GET", f"/accounts/{api_key}/executions")["executions"]
        return rows

    def add_fault(self, kind: str, **fields: Any) -> int:
        """Let something go wrong: see the simulated exchange's README. Return the fault's number."""
        number: int = self._call("POST", "/faults", {"kind": kind, **fields})["id"]
        return number

    def clear_faults(self) -> None:
        """Let everything go right again, bans included."""
        self._call("DELETE", "/faults")

    def limit_weights(self, **weights: int) -> None:
        """Set the weight per minute of `spot` or `futures`."""
        self._call("PUT", "/limits", weights)

    def limit_liquidity(self, **shares: str | int) -> None:
        """Set the shares of an order that the book takes at once, `resting` and `taking`, in `parts`; else all."""
        self._call("PUT", "/liquidity", shares)

    def set_status(self, market: str, symbol: str, status: str) -> None:
        """Give a symbol of `spot` or `futures` a status, such as HALT or DELISTED."""
        self._call("PUT", f"/symbols/{market}/{symbol}", {"status": status})

    def stats(self) -> dict[str, Any]:
        """Return how many requests came, by path."""
        answer: dict[str, Any] = self._call("GET", "/stats")
        return answer
