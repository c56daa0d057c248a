"""The bounded share of the proofs that orders happen once and none is lost; `make prove` runs them in full."""

from __future__ import annotations

import pytest

from tests.proofs import duplicates, histories, kills, mutants
from tests.proofs.simulation.database import server
from tests.proofs.simulation.history import play
from tests.proofs.simulation.world import simulated_world

HISTORIES = 500
#: Histories that found a defect once; each is played again.
FOUND = (61, 63, 71, 130, 166, 539, 946, 3996, 5153, 6759, 7061, 15706)
#: A seed little before one that catches the mutant: the full proof hunts from the first on.
CAUGHT_FROM = {
    "retries with the same id": 47,
    "asks once, at once": 47,
    "a short quiet time": 63,
    "signs after a pause": 98,
    "no lease": 7,
}


def test_no_history_executes_twice_loses_an_order_or_leaves_a_position_without_its_stop() -> None:
    report = histories.prove(HISTORIES, seed=1)
    assert report.verdict() == [], "\n".join(report.lines())


def test_a_history_is_its_seeds() -> None:
    with server() as one, simulated_world(one) as world:
        first = [play(world, seed).trace for seed in (2, 3, 5)]
        assert [play(world, seed).trace for seed in (2, 3, 5)] == first


@pytest.mark.parametrize("seed", FOUND)
def test_what_a_history_found_once_stays_found(seed: int) -> None:
    with server() as one, simulated_world(one) as world:
        outcome = play(world, seed)
    assert outcome.wrong == [], "\n".join(outcome.trace)


@pytest.mark.parametrize("name", mutants.MUTANTS)
def test_a_weakened_protocol_is_caught(name: str) -> None:
    with server() as one, simulated_world(one) as world:
        catch = mutants.hunt(world, name, first_seed=CAUGHT_FROM[name])
    assert catch.outcome is not None, catch.line


def test_a_worker_killed_at_any_step_loses_nothing() -> None:
    report = kills.prove()
    assert report.verdict() == [], "\n".join(report.lines())


def test_a_hundred_workers_at_once_send_one_order() -> None:
    report = duplicates.prove(rounds=2)
    assert report.verdict() == [], "\n".join(report.lines())
