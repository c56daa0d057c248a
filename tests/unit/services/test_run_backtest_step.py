"""What the steps of a backtest accept, refuse and hand on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tradebot.errors import InvalidInputError, NotAvailableYetError
from tradebot.services import run_backtest_step as steps

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = Path(__file__).parents[2] / "events"


def event(step: str) -> dict[str, Any]:
    (path,) = (EVENTS / f"backtest_{step}").glob("*.json")
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def planned(start_at: str, end_at: str) -> list[str]:
    plan = steps.plan_backtest({**event("plan"), "start_at": start_at, "end_at": end_at})
    return [chunk["month"] for chunk in plan["chunks"]]


def test_a_backtest_reads_each_month_that_its_span_touches() -> None:
    assert planned("2022-11-30T23:59:00+00:00", "2023-01-01T00:01:00+00:00") == ["2022-11", "2022-12", "2023-01"]


def test_the_end_of_a_span_is_not_part_of_it() -> None:
    assert planned("2023-02-01T00:00:00+00:00", "2023-03-01T00:00:00+00:00") == ["2023-02"]


def test_a_span_is_planned_in_utc() -> None:
    assert planned("2023-03-01T00:30:00+01:00", "2023-03-01T01:30:00+01:00") == ["2023-02", "2023-03"]


def test_a_plan_is_what_the_next_steps_take() -> None:
    plan = steps.plan_backtest(event("plan"))
    assert plan == event("simulate")
    for chunk in plan["chunks"]:
        with pytest.raises(NotAvailableYetError, match=chunk["month"]):
            steps.fetch_candles(chunk)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"backtest_id": 0}, "backtest_id"),
        ({"backtest_id": True}, "backtest_id"),
        ({"user_id": "1"}, "user_id"),
        ({"market": "margin"}, "market"),
        ({"symbol": ""}, "symbol"),
        ({"start_at": "2023-01-15T00:00:00"}, "start_at"),
        ({"start_at": "yesterday"}, "start_at"),
        ({"end_at": "2023-01-15T00:00:00+00:00"}, "end_at"),
        ({"end_at": "2043-01-15T00:00:00+00:00"}, "end_at"),
    ],
)
def test_a_plan_refuses_what_it_cannot_mean_and_names_it(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError, match="plan: ") as refused:
        steps.plan_backtest({**event("plan"), **change})
    assert refused.value.field == field


STEPS: dict[str, Callable[[object], dict[str, Any]]] = {
    "plan": steps.plan_backtest,
    "fetch": steps.fetch_candles,
    "simulate": steps.simulate_chunk,
    "collect": steps.collect_backtest,
}


@pytest.mark.parametrize("step", sorted(STEPS))
@pytest.mark.parametrize("given", [None, [], "text", {}])
def test_every_step_refuses_what_is_no_input_of_its(step: str, given: object) -> None:
    with pytest.raises(InvalidInputError, match=f"{step}: "):
        STEPS[step](given)


@pytest.mark.parametrize("step", ["fetch", "simulate", "collect"])
def test_a_step_that_does_not_work_yet_says_so_instead_of_answering(step: str) -> None:
    with pytest.raises(NotAvailableYetError, match="not available yet"):
        STEPS[step](event(step))


def test_a_chunk_beyond_the_last_is_not_simulated() -> None:
    with pytest.raises(InvalidInputError, match="chunk 3 was asked for, there are 3"):
        steps.simulate_chunk({**event("simulate"), "simulation": {"next_chunk": 3, "is_finished": False}})


def test_a_month_is_written_as_a_month() -> None:
    with pytest.raises(InvalidInputError, match="2023-03"):
        steps.fetch_candles({**event("fetch"), "month": "March"})


def test_nothing_is_collected_before_the_end() -> None:
    with pytest.raises(InvalidInputError, match="has not finished"):
        steps.collect_backtest({**event("collect"), "simulation": {"next_chunk": 1, "is_finished": False}})
