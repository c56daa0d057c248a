"""From a template file to plain CloudFormation that moto can deploy: AWS's own SAM translator, in process, no network.

What is changed on the way, and nothing else: code and definition paths become what a deployment would have put in their
place, and conditions are decided here, so that `AWS::NoValue` leaves no holes in lists.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from infra.local.cloud.aws_environment import isolated_aws_environment
from infra.local.state import LocalError

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]
#: Stands for the bucket that `sam deploy` uploads to; the key is the logical id of the function or layer.
CODE_BUCKET = "local-code"
SAM_TRANSFORM = "AWS::Serverless-2016-10-31"
NO_VALUE = {"Ref": "AWS::NoValue"}


class TemplateError(LocalError):
    """The template, or a parameter given to it, cannot be deployed; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template ready for moto, with what the translation replaced."""

    path: Path
    body: Json
    code_roots: dict[str, Path]
    """Logical id of each function and layer of the SAM template to its folder."""
    parameters: dict[str, str]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C one is 10 times as fast
    pass


def _intrinsic(loader: Any, suffix: str, node: Any) -> Json:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)
# CloudFormation reads an unquoted date (a policy's Version) as text.
_Loader.yaml_implicit_resolvers = {
    key: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(path: Path) -> Json:
    """Return a template file as data, its short intrinsics (`!Ref`) in their long form."""
    try:
        body = yaml.load(path.read_text(), _Loader)  # noqa: S506  a safe loader with CloudFormation's tags  # nosec B506
    except yaml.YAMLError as error:
        raise TemplateError(f"{path.name} is no valid YAML: {error}") from error
    if not isinstance(body, dict) or not isinstance(body.get("Resources"), dict):
        raise TemplateError(f"{path.name} has no Resources")
    return body


def translate(path: Path, parameters: dict[str, str], *, region: str, cache: Path | None = None) -> Template:
    """Return the template at `path` with these parameters, ready to deploy. Raises TemplateError."""
    source = load(path)
    values = checked_parameters(path.name, source.get("Parameters") or {}, parameters)
    code_roots = _localise(source, path.resolve().parent)
    body = _plain(source, region, cache)
    body["Parameters"] = deepcopy(source.get("Parameters") or {})
    return Template(path, decide_conditions(body, values), code_roots, parameters)


def transformed(path: Path, *, region: str = "eu-central-1", cache: Path | None = None) -> Json:
    """Return every resource of a template after the SAM translation, its conditions left open."""
    source = load(path)
    _localise(source, path.resolve().parent)
    resources: Json = _plain(source, region, cache)["Resources"]
    return resources


def _plain(source: Json, region: str, cache: Path | None) -> Json:
    is_sam = SAM_TRANSFORM in _as_list(source.get("Transform"))
    return _cached_transform(source, region, cache) if is_sam else source


def checked_parameters(name: str, declared: Json, given: dict[str, str]) -> Json:
    """Return each parameter's value, given or default. Raises TemplateError where CloudFormation would refuse one."""
    unknown = sorted(given.keys() - declared.keys())
    if unknown:
        raise TemplateError(f"{name} has no parameter {', '.join(unknown)}")
    values: Json = {}
    for key, declaration in declared.items():
        value = given.get(key, declaration.get("Default"))
        if value is None:
            raise TemplateError(f"{name}: parameter {key} has no default and was not given")
        values[key] = value = str(value)
        allowed = [str(option) for option in declaration.get("AllowedValues", [])]
        if allowed and value not in allowed:
            raise TemplateError(f"{name}: parameter {key} is {value!r}; it may be one of: {', '.join(allowed)}")
        pattern = declaration.get("AllowedPattern")
        if pattern and not re.fullmatch(pattern, value):
            raise TemplateError(f"{name}: parameter {key} does not match {pattern}")
        _check_range(name, key, declaration, value)
    return values


def _check_range(name: str, key: str, declaration: Json, value: str) -> None:
    if declaration.get("Type") != "Number":
        return
    try:
        number = float(value)
    except ValueError:
        raise TemplateError(f"{name}: parameter {key} is {value!r}, which is no number") from None
    if number < float(declaration.get("MinValue", number)) or number > float(declaration.get("MaxValue", number)):
        raise TemplateError(f"{name}: parameter {key} is {value}, which is out of its range")


def _localise(source: Json, root: Path) -> dict[str, Path]:
    """Replace local paths by what a deployment would have uploaded; return the folders by logical id."""
    roots: dict[str, Path] = {}
    shared = (source.get("Globals") or {}).get("Function") or {}
    for logical_id, resource in source["Resources"].items():
        properties = resource.get("Properties") or {}
        if resource["Type"] in {"AWS::Serverless::Function", "AWS::Serverless::LayerVersion"}:
            key = "CodeUri" if resource["Type"].endswith("Function") else "ContentUri"
            folder = properties.get(key, shared.get(key))
            if not isinstance(folder, str):
                raise TemplateError(f"{logical_id} has no {key} that names a folder")
            roots[logical_id] = _existing(root / folder, logical_id)
            properties[key] = f"s3://{CODE_BUCKET}/{logical_id}"
        elif resource["Type"] == "AWS::Serverless::StateMachine" and isinstance(properties.get("DefinitionUri"), str):
            definition = _existing(root / properties.pop("DefinitionUri"), logical_id)
            properties["Definition"] = _definition(definition)
    return roots


def _existing(path: Path, logical_id: str) -> Path:
    if not path.exists():
        raise TemplateError(f"{logical_id} names {path}, which is not there")
    return path.resolve()


def _definition(path: Path) -> Json:
    definition: Json = (
        json.loads(path.read_text()) if path.suffix == ".json" else yaml.load(path.read_text(), _Loader)  # noqa: S506  as in load()  # nosec B506
    )
    return definition


def _cached_transform(source: Json, region: str, cache: Path | None) -> Json:
    """Return the translated template; it is kept, since loading the translator alone takes most of a second."""
    version = importlib.metadata.version("aws-sam-translator")
    text = json.dumps([version, region, source], sort_keys=True, default=str)
    kept = cache / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json" if cache else None
    if kept is not None and kept.exists():
        body: Json = json.loads(kept.read_text())
        return body
    body = _transform(deepcopy(source), region)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        for stale in kept.parent.glob("*.json"):
            stale.unlink()
        partial = kept.with_suffix(".partial")
        partial.write_text(json.dumps(body))
        partial.replace(kept)
    return body


def _transform(source: Json, region: str) -> Json:
    with isolated_aws_environment(region):
        from samtranslator.public.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415  most of a second
            InvalidDocumentException,
        )
        from samtranslator.translator.transform import (  # type: ignore[import-untyped]  # noqa: PLC0415  likewise
            transform,
        )

    # Without values and defaults the translator leaves every Ref to a parameter for CloudFormation to resolve.
    for parameter in (source.get("Parameters") or {}).values():
        parameter.pop("Default", None)
    try:
        with isolated_aws_environment(region):
            body: Json = transform(source, {}, _ManagedPolicies(), passthrough_metadata=True)
    except InvalidDocumentException as error:
        causes = "; ".join(str(cause.message) for cause in error.causes)
        raise TemplateError(f"the SAM translator refuses the template: {causes}") from error
    plain: Json = json.loads(json.dumps(body))
    return plain


class _ManagedPolicies:
    """The managed policies whose names the translator may meet; asking IAM for the list would need a network."""

    def load(self) -> dict[str, str]:
        names = ("AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole", "AWSXRayDaemonWriteAccess")
        prefixes = {"AWSXRayDaemonWriteAccess": ""}
        return {name: f"arn:aws:iam::aws:policy/{prefixes.get(name, 'service-role/')}{name}" for name in names}


def decide_conditions(body: Json, values: Json) -> Json:
    """Return the template with every condition decided by the parameters' values and taken out."""
    conditions = _Conditions(body.get("Conditions") or {}, values)
    result = {key: value for key, value in body.items() if key not in {"Conditions", "Transform", "Globals", "Rules"}}
    for section in ("Resources", "Outputs"):
        kept = {}
        for logical_id, entry in (body.get(section) or {}).items():
            if "Condition" in entry and not conditions.holds(entry["Condition"]):
                continue
            pruned = conditions.prune({key: value for key, value in entry.items() if key != "Condition"})
            kept[logical_id] = pruned
        result[section] = kept
    return result


class _Conditions:
    """Decides conditions. They may only depend on parameters that are not looked up, as in CloudFormation."""

    def __init__(self, conditions: Json, values: Json) -> None:
        self._conditions = conditions
        self._values = values

    def holds(self, name: str) -> bool:
        """Whether the condition of that name holds."""
        if name not in self._conditions:
            raise TemplateError(f"there is no condition {name}")
        return self._evaluate(self._conditions[name])

    def _evaluate(self, expression: Any) -> bool:
        (operator, operand), *rest = expression.items() if isinstance(expression, dict) else [("?", expression)]
        if not rest:
            if operator == "Condition":
                return self.holds(operand)
            if operator == "Fn::Equals":
                left, right = (self._value(side) for side in operand)
                return left == right
            if operator == "Fn::Not":
                return not self._evaluate(operand[0])
            if operator == "Fn::And":
                return all(self._evaluate(part) for part in operand)
            if operator == "Fn::Or":
                return any(self._evaluate(part) for part in operand)
        raise TemplateError(f"a condition is not understood: {expression}")

    def _value(self, side: Any) -> str:
        if isinstance(side, dict):
            name = side.get("Ref")
            if name not in self._values:
                raise TemplateError(f"a condition compares something other than a parameter: {side}")
            return str(self._values[name])
        return str(side)

    def prune(self, value: Any) -> Any:
        """Return `value` with each `Fn::If` replaced by its branch, and without what is `AWS::NoValue`."""
        if isinstance(value, dict):
            if set(value) == {"Fn::If"}:
                name, when_true, when_false = value["Fn::If"]
                return self.prune(when_true if self.holds(name) else when_false)
            pruned = {key: self.prune(item) for key, item in value.items()}
            return {key: item for key, item in pruned.items() if item != NO_VALUE}
        if isinstance(value, list):
            return [item for item in map(self.prune, value) if item != NO_VALUE]
        return value


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
