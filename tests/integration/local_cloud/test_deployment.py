"""From template files to stacks: parameters, conditions, what cannot be carried out, and what cannot be deployed."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.cloud import LocalCloud, PortTakenError, TemplateError
from infra.local.cloud.resources import generate_secret
from infra.local.cloud.translate import translate

from .conftest import TEMPLATES, small_cloud

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE, FOUNDATION = TEMPLATES / "template.yaml", TEMPLATES / "foundation.yaml"
REGION = "eu-central-1"


@pytest.mark.parametrize(
    ("path", "parameters", "reason"),
    [
        (TEMPLATE, {"Greeting": "moin"}, "Greeting is 'moin'; it may be one of: hello, goodbye"),
        (TEMPLATE, {"ProbeTimeout": "soon"}, "no number"),
        (TEMPLATE, {"NoSuchThing": "1"}, "no parameter NoSuchThing"),
        (FOUNDATION, {"Stage": "Dev1"}, "Stage does not match"),
    ],
)
def test_a_parameter_that_cloudformation_would_refuse_is_refused(
    path: Path, parameters: dict[str, str], reason: str
) -> None:
    with pytest.raises(TemplateError, match=reason):
        translate(path, parameters, region=REGION)


def environment(template: Any) -> Any:
    return template.body["Resources"]["ProbeFunction"]["Properties"]["Environment"]["Variables"]


def test_conditions_are_decided_by_the_parameters_and_leave_no_holes() -> None:
    polite = translate(TEMPLATE, {}, region=REGION)
    rude = translate(TEMPLATE, {"Greeting": "goodbye"}, region=REGION)
    assert environment(polite)["POLITE"] == "yes"
    assert "RUDE" not in environment(polite)
    assert environment(rude)["RUDE"] == "yes"
    assert "POLITE" not in environment(rude)
    layers = [len(each.body["Resources"]["ProbeFunction"]["Properties"]["Layers"]) for each in (polite, rude)]
    assert layers == [1, 2]
    without = translate(FOUNDATION, {}, region=REGION)
    assert "Subnet" not in without.body["Resources"]
    assert without.body["Resources"]["SubnetParameter"]["Properties"]["Value"] == "none"
    assert "Subnet" in translate(FOUNDATION, {"Network": "yes"}, region=REGION).body["Resources"]


def test_a_translation_is_kept_for_the_next_start_and_made_anew_when_the_template_changes(tmp_path: Path) -> None:
    text = TEMPLATE.read_text().replace("../functions", str(TEMPLATES.parent / "functions"))
    copy = tmp_path / "template.yaml"
    copy.write_text(text)
    (tmp_path / "workflow.asl.json").write_text((TEMPLATES / "workflow.asl.json").read_text())
    cache = tmp_path / "cache"
    first = translate(copy, {}, region=REGION, cache=cache)
    (kept,) = cache.iterdir()
    assert (
        translate(copy, {"ProbeTimeout": "7"}, region=REGION, cache=cache).body["Parameters"]
        == first.body["Parameters"]
    )
    assert list(cache.iterdir()) == [kept]
    copy.write_text(text.replace("MemorySize: 256", "MemorySize: 512"))
    changed = translate(copy, {}, region=REGION, cache=cache)
    assert changed.body["Resources"]["ProbeFunction"]["Properties"]["MemorySize"] == 512
    assert list(cache.iterdir()) != [kept]


def changed_template(folder: Path, old: str, new: str) -> Path:
    text = TEMPLATE.read_text()
    assert old in text
    copy = folder / "template.yaml"
    copy.write_text(text.replace(old, new, 1).replace("../functions", str(TEMPLATES.parent / "functions")))
    (folder / "workflow.asl.json").write_text((TEMPLATES / "workflow.asl.json").read_text())
    return copy


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Principal: events.amazonaws.com", "Principal: s3.amazonaws.com", "may not invoke small-probe"),
        ("cron(* * * * ? *)", "cron(0 0 L * ? *)", "L, W or #"),
        ("Arn: !GetAtt ProbeFunction.Arn", "Arn: !GetAtt FailureQueue.Arn", "only functions"),
        ("CodeUri: ../functions/broken/", "CodeUri: ../functions/absent/", "absent, which is not there"),
        (
            "Type: SQS\n            Destination: !GetAtt FailureQueue.Arn",
            "Type: SNS\n            Destination: arn:aws:sns:a:b:c",
            "only SQS",
        ),
        (
            "CodeUri: ../functions/relay/",
            "CodeUri: ../functions/relay/\n      SnapStart: {ApplyOn: None}",
            "SnapStart is not",
        ),
        ("KEY_ARN: !Ref KeyArn", "KEY_ARN: !GetAtt NoSuchThing.Arn", "cannot be deployed"),
        ("Handler: handler.handler", "Handler: handler.handler\n    NoSuchProperty: 1", "SAM translator refuses"),
    ],
)
def test_what_would_not_work_as_on_aws_fails_the_deployment(tmp_path: Path, old: str, new: str, reason: str) -> None:
    template = changed_template(tmp_path, old, new)
    with pytest.raises(TemplateError, match=reason), small_cloud(tmp_path / "state", template=template):
        pass


def test_a_failed_start_leaves_the_way_free_for_the_next(tmp_path: Path) -> None:
    with pytest.raises(TemplateError), small_cloud(tmp_path, parameters={"Greeting": "moin"}):
        pass
    with small_cloud(tmp_path) as cloud:
        assert cloud.invoke("ProbeFunction", {}).function_error is None


def test_two_at_once_in_a_process_are_refused(tmp_path: Path) -> None:
    with small_cloud(tmp_path / "one"), pytest.raises(RuntimeError, match="another LocalCloud"), small_cloud(tmp_path):
        pass


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} is taken"):
            LocalCloud(tmp_path, api_port=port).__enter__()


def test_a_secret_is_generated_as_the_template_asks() -> None:
    settings = {"SecretStringTemplate": '{"user": "me"}', "GenerateStringKey": "pass", "PasswordLength": 64}
    value = json.loads(generate_secret({**settings, "ExcludePunctuation": True, "ExcludeCharacters": "0Oo"}))
    assert value["user"] == "me"
    assert len(value["pass"]) == 64
    assert value["pass"].isalnum()
    assert not set(value["pass"]) & set("0Oo")
    letters = generate_secret({"PasswordLength": 40, "ExcludeNumbers": True, "ExcludePunctuation": True})
    assert letters.isalpha()
    assert generate_secret({}) != generate_secret({})
