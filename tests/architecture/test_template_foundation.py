"""What the foundation makes and publishes, how the two templates and the stages fit, and the folders they name."""

from __future__ import annotations

import re
import tomllib

import pytest

from infra.build import layer_requirements
from infra.build.layers import LAYERS
from infra.local.cloud.translate import TemplateError, load, translate
from tests.architecture.templates import (
    FUNCTIONS,
    REGION,
    ROOT,
    every_function,
    foundation,
    published_parameters,
    stem,
)
from tradebot.security.signing_keys import SECRET_MEMBER


@pytest.mark.parametrize("database", ["aurora", "external"])
def test_the_foundation_publishes_everything_that_the_template_looks_up(database: str) -> None:
    declared = load(ROOT / "template.yaml")["Parameters"].values()
    looked_up = {entry["Default"] for entry in declared if entry["Type"].startswith("AWS::SSM")}
    assert {entry["Type"] for entry in declared if entry["Type"].startswith("AWS::SSM")} == {
        "AWS::SSM::Parameter::Value<String>"
    }
    # Two wait for the issue that reads them.
    assert set(published_parameters(database)) == looked_up | {
        "/tradebot/dev/candle-bucket",
        "/tradebot/dev/report-bucket",
    }


def test_both_templates_agree_on_what_a_stage_and_a_database_may_be() -> None:
    ours, base = (load(ROOT / name)["Parameters"] for name in ("template.yaml", "infra/foundation.yaml"))
    assert ours["Database"]["AllowedValues"] == base["Database"]["AllowedValues"]
    assert ours["Stage"]["AllowedPattern"] == base["Stage"]["AllowedPattern"]


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_stage_deploys_both_stacks_with_parameters_that_they_take_and_that_agree(stage: str) -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    given = {
        part: dict(entry.split("=", 1) for entry in config[part]["deploy"]["parameters"]["parameter_overrides"])
        for part in (f"{stage}-foundation", stage)
    }
    base, ours = given[f"{stage}-foundation"], given[stage]
    # Whoever deploys has to put an address there first: one that is nobody's would never be confirmed.
    with pytest.raises(TemplateError, match="MailSender does not match"):
        translate(ROOT / "infra" / "foundation.yaml", base, region=REGION)
    translate(ROOT / "infra" / "foundation.yaml", {**base, "MailSender": "desk@example.com"}, region=REGION)
    translate(ROOT / "template.yaml", ours, region=REGION)
    assert base["Stage"] == ours["Stage"] == stage
    assert base["Database"] == ours["Database"]
    defaults = {key: entry.get("Default") for key, entry in load(ROOT / "template.yaml")["Parameters"].items()}
    looked_up = {value for value in {**defaults, **ours}.values() if str(value).startswith("/tradebot/")}
    assert looked_up <= set(published_parameters("aurora", stage))
    regions = {config[part]["deploy"]["parameters"]["region"] for part in given} | {
        config["default"]["global"]["parameters"]["region"]
    }
    assert len(regions) == 1


def test_nothing_is_deployed_to_the_united_states_where_binance_answers_451() -> None:
    assert re.findall(r'^region = "(us-.*)"', (ROOT / "samconfig.toml").read_text(), re.MULTILINE) == []


@pytest.mark.parametrize("bucket", ["CandleBucket", "ReportBucket"])
def test_a_bucket_is_encrypted_closed_to_the_public_and_reached_by_tls_only(bucket: str) -> None:
    made = foundation("external")
    properties = made[bucket]["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert properties["LifecycleConfiguration"]["Rules"]
    (policy,) = [
        entry["Properties"]["PolicyDocument"]["Statement"]
        for entry in made.values()
        if entry["Type"] == "AWS::S3::BucketPolicy" and entry["Properties"]["Bucket"] == {"Ref": bucket}
    ]
    assert [(s["Effect"], s["Condition"]) for s in policy] == [("Deny", {"Bool": {"aws:SecureTransport": "false"}})]


def test_only_parts_of_months_of_candles_expire() -> None:
    rules = foundation("external")["CandleBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert [rule["Prefix"] for rule in rules if "ExpirationInDays" in rule] == ["candle-parts/"]


def test_what_holds_state_outlives_its_stack() -> None:
    kinds = {"AWS::KMS::Key", "AWS::S3::Bucket", "AWS::SecretsManager::Secret", "AWS::RDS::DBCluster", "AWS::EC2::EIP"}
    stateful = {name: entry for name, entry in foundation("aurora").items() if entry["Type"] in kinds}
    assert {entry["Type"] for entry in stateful.values()} == kinds
    for name, entry in stateful.items():
        assert entry["DeletionPolicy"] in {"Retain", "Snapshot"}, name
        assert entry["UpdateReplacePolicy"] in {"Retain", "Snapshot"}, name


def test_an_external_database_makes_no_network_and_no_cluster() -> None:
    kinds = {entry["Type"].split("::")[1] for entry in foundation("external").values()}
    assert kinds == {"KMS", "S3", "SES", "SNS", "SSM", "SecretsManager"}


@pytest.mark.parametrize("name", ["TokenSecret", "WebhookSecret"])
def test_a_secret_is_long_enough_and_stands_where_the_product_looks_for_it(name: str) -> None:
    generated = foundation("external")[name]["Properties"]["GenerateSecretString"]
    assert generated["GenerateStringKey"] == SECRET_MEMBER
    # HS256 wants 32 random bytes; a letter or digit carries almost 6 bits.
    assert generated["PasswordLength"] * 5.9 >= 32 * 8


@pytest.mark.parametrize(("secret", "path"), [("TokenSecret", "token-secret"), ("WebhookSecret", "webhook-secret")])
def test_a_secret_is_granted_under_the_name_that_it_has(secret: str, path: str) -> None:
    name = foundation("external")[secret]["Properties"]["Name"]
    assert published_parameters("external")[f"/tradebot/dev/{path}-name"] == name


def test_neither_template_uses_what_only_aws_can_evaluate() -> None:
    for name in ("template.yaml", "infra/foundation.yaml"):
        text = (ROOT / name).read_text()
        assert "{{resolve:" not in text
        assert "Fn::ForEach" not in text
        assert "LanguageExtensions" not in text


@every_function
def test_a_function_has_its_folder_with_a_handler_and_a_makefile_that_builds_it(function: str) -> None:
    folder = ROOT / "functions" / stem(function).replace("-", "_")
    assert load(ROOT / "template.yaml")["Resources"][function]["Properties"]["CodeUri"] == f"functions/{folder.name}/"
    assert (folder / "handler.py").is_file()
    assert f"\nbuild-{function}:" in (folder / "Makefile").read_text()
    assert list((ROOT / "tests" / "events" / folder.name).glob("*.json")), "an event to invoke it with"


def test_every_function_folder_is_a_function() -> None:
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}
    assert folders == {stem(function).replace("-", "_") for function in FUNCTIONS}


def test_every_layer_is_built_by_its_makefile() -> None:
    entries = load(ROOT / "template.yaml")["Resources"]
    layers = {name: entry for name, entry in entries.items() if entry["Type"] == "AWS::Serverless::LayerVersion"}
    assert {entry["Properties"]["ContentUri"] for entry in layers.values()} == {
        f"layers/{name}/" for name in (*LAYERS, "core")
    }
    for name, entry in layers.items():
        assert entry["Metadata"] == {"BuildMethod": "makefile"}
        assert f"\nbuild-{name}:" in (ROOT / entry["Properties"]["ContentUri"] / "Makefile").read_text()


def test_the_layers_requirements_are_those_of_the_lock(capsys: pytest.CaptureFixture[str]) -> None:
    outdated = layer_requirements.main(["--check"])
    assert outdated == 0, f"{capsys.readouterr().out}run: python -m infra.build.layer_requirements"
