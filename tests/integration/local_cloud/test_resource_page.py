"""Every resource type of the templates is accounted for, and the page says what the code does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.local.cloud import resource_types
from infra.local.cloud.resource_types import EXECUTED, LINTED_ONLY, PAGE, TEMPLATES, classified, render, types_in

if TYPE_CHECKING:
    from infra.local.cloud import LocalCloud


def test_every_type_has_one_entry_and_the_page_is_current(cloud: LocalCloud) -> None:
    from infra.local.cloud.resources import INTERPRETED  # noqa: PLC0415  moto, after the user's AWS setup was hidden

    tables = [set(EXECUTED), set(INTERPRETED), set(LINTED_ONLY)]
    assert sum(map(len, tables)) == len(set.union(*tables)), "a type is in two tables"
    page = render(types_in(TEMPLATES), INTERPRETED)
    assert PAGE.read_text() == page, "run: python -m infra.local.cloud.resource_types"


def test_what_is_called_executed_is_made_by_moto(cloud: LocalCloud) -> None:
    from infra.local.cloud.resources import executed_types  # noqa: PLC0415  as above

    assert executed_types() >= EXECUTED.keys()


def test_no_entry_is_left_over(cloud: LocalCloud) -> None:
    from infra.local.cloud.resources import INTERPRETED  # noqa: PLC0415  as above

    assert not (EXECUTED.keys() | INTERPRETED.keys() | LINTED_ONLY.keys()) - types_in(TEMPLATES)


def test_a_new_type_without_an_entry_is_named() -> None:
    with pytest.raises(KeyError, match="AWS::New::Thing"):
        classified(["AWS::SQS::Queue", "AWS::New::Thing"], {})


def test_the_command_writes_the_same_page(capsys: pytest.CaptureFixture[str]) -> None:
    before = PAGE.read_text()
    assert resource_types.main() == 0
    assert PAGE.read_text() == before
    assert capsys.readouterr().out == "wrote docs/local-resources.md\n"
