"""CloudFormation types that moto lacks, or whose moto model is not enough here.

moto finds the model of a type among the direct subclasses of its CloudFormationModel, the last one defined wins: that
is the seam used. Each maker gets its properties with every intrinsic resolved, and notes them in the `Deployment`.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import string
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.awslambda.models import LambdaFunction
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.core.common_models import CloudFormationModel
from moto.kms.models import Key, kms_backends
from moto.s3.models import FakeBucket
from moto.secretsmanager.models import secretsmanager_backends
from moto.ses.models import ses_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.local.cloud.kept_state import KeptState

Json = dict[str, Any]
#: The types that this module carries out, filled by `interprets`.
INTERPRETED: dict[str, str] = {}
_models: list[type] = []  # moto finds them by reference only


@dataclass(slots=True)
class Deployment:
    """What the stacks made, with resolved properties, as far as the runtime has to know it."""

    kept: KeptState
    api_endpoint: str
    functions: dict[str, Json] = field(default_factory=dict)
    """Logical id to properties, with FunctionName, Arn and CodeKey."""
    layers: dict[str, str] = field(default_factory=dict)
    """ARN of a layer version to the key that its code would have been uploaded under."""
    event_invoke_configs: list[Json] = field(default_factory=list)
    apis: dict[str, Json] = field(default_factory=dict)
    stages: list[Json] = field(default_factory=list)
    buckets: dict[str, str] = field(default_factory=dict)
    state_machines: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Making:
    """What CloudFormation says about the resource that it wants made."""

    name: str
    logical_id: str
    template: Json
    account_id: str
    region: str
    deployment: Deployment

    @property
    def properties(self) -> Json:
        """The resolved properties."""
        properties: Json = self.template["Properties"]
        return properties

    def by_moto(self, model: Any, *, name: str = "", properties: Json | None = None) -> Any:
        """Have moto's own model make it, under another name or from other properties where given."""
        template = {**self.template, "Properties": properties or self.properties}
        return model.create_from_cloudformation_json(name or self.name, template, self.account_id, self.region)


class Made:
    """A resource that only this runtime knows: what `Ref` and `Fn::GetAtt` give."""

    def __init__(self, physical_id: str, attributes: dict[str, str] | None = None) -> None:
        self.physical_resource_id = physical_id
        self._attributes = attributes or {}

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return `Fn::GetAtt`."""
        if attribute_name not in self._attributes:
            raise UnformattedGetAttTemplateException
        return self._attributes[attribute_name]

    def is_created(self) -> bool:
        """Whether CloudFormation may go on."""
        return True


_current: list[Deployment] = []


@contextmanager
def deploying(deployment: Deployment) -> Iterator[None]:
    """Let the makers of this module note what they make in `deployment`."""
    for cached in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        cached.cache_clear()  # another import may have filled them before this module's models were there
    _current.append(deployment)
    try:
        yield
    finally:
        _current.remove(deployment)


def executed_types() -> frozenset[str]:
    """Return the CloudFormation types that moto itself carries out."""
    return frozenset(parsing.get_model_map()) - INTERPRETED.keys()


def interprets(
    resource_type: str, how: str, *, name: str = "", attributes: tuple[str, ...] = ()
) -> Callable[[Callable[[Making], Any]], Callable[[Making], Any]]:
    """Have moto's CloudFormation call the decorated function for resources of this type.

    `how` says what is done with them, for the page of resource types. `name` is the property that names one.
    """

    def register(make: Callable[[Making], Any]) -> Callable[[Making], Any]:
        def create(
            _cls: Any,
            /,
            resource_name: str,
            cloudformation_json: Json,
            account_id: str,
            region_name: str,
            **kwargs: Any,
        ) -> Any:
            if not _current:
                raise RuntimeError(f"a {resource_type} is made outside of a LocalCloud")
            # moto asks its own model, the first of a type, for the property that names a resource.
            given = cloudformation_json["Properties"].get(name) if name else None
            logical_id = kwargs["LogicalId"]
            return make(
                Making(given or resource_name, logical_id, cloudformation_json, account_id, region_name, _current[-1])
            )

        model = type(
            resource_type.replace("::", ""),
            (CloudFormationModel,),
            {
                "cloudformation_type": staticmethod(lambda: resource_type),
                "cloudformation_name_type": staticmethod(lambda: name),
                "has_cfn_attr": classmethod(lambda _cls, attribute: attribute in attributes),
                "create_from_cloudformation_json": classmethod(create),
            },
        )
        _models.append(model)
        INTERPRETED[resource_type] = how
        return make

    return register


@interprets(
    "AWS::Lambda::Function",
    "runs in processes of its own, with the environment that the stack resolved; its role is not enforced",
    name="FunctionName",
    attributes=("Arn",),
)
def _function(making: Making) -> Any:
    code_key = making.properties["Code"].get("S3Key", "")
    known_to_moto = {key: value for key, value in making.properties.items() if key not in {"Layers", "VpcConfig"}}
    function = making.by_moto(
        LambdaFunction, properties={**known_to_moto, "Code": {"ZipFile": f"# runs from the folder of {code_key}"}}
    )
    making.deployment.functions[making.logical_id] = {
        **making.properties,
        "FunctionName": making.name,
        "Arn": function.get_cfn_attribute("Arn"),
        "CodeKey": code_key,
    }
    return function


@interprets(
    "AWS::Lambda::LayerVersion",
    "its folder is on the import path of the functions that name it; what its build adds comes from the venv",
    name="LayerName",
    attributes=("LayerVersionArn",),
)
def _layer(making: Making) -> Any:
    arn = f"arn:aws:lambda:{making.region}:{making.account_id}:layer:{making.name}:1"
    making.deployment.layers[arn] = making.properties["Content"].get("S3Key", "")
    return Made(arn, {"LayerVersionArn": arn})


@interprets(
    "AWS::Lambda::EventInvokeConfig",
    "retries, age of events and destinations hold for asynchronous invocations",
)
def _event_invoke_config(making: Making) -> Any:
    making.deployment.event_invoke_configs.append(making.properties)
    return Made(making.name)


@interprets(
    "AWS::ApiGatewayV2::Api",
    "its routes are served over HTTP as payload 2.0 events",
    attributes=("ApiEndpoint", "ApiId"),
)
def _http_api(making: Making) -> Any:
    # Ten letters or digits, as API Gateway's are; the same at each start.
    api_id = re.sub(r"[^a-z0-9]", "", making.logical_id.lower())[:10].ljust(10, "0")
    making.deployment.apis[api_id] = making.properties
    return Made(api_id, {"ApiEndpoint": making.deployment.api_endpoint, "ApiId": api_id})


@interprets("AWS::ApiGatewayV2::Stage", "only `$default`, whose throttling limits hold; no access log is written")
def _stage(making: Making) -> Any:
    making.deployment.stages.append(making.properties)
    return Made(making.properties["StageName"])


@interprets(
    "AWS::StepFunctions::StateMachine",
    "put where moto's interpreter of the States Language runs it; its tasks invoke the functions here",
    name="StateMachineName",
    attributes=("Arn", "Name"),
)
def _state_machine(making: Making) -> Any:
    definition = making.properties["DefinitionString"]
    for name, value in (making.properties.get("DefinitionSubstitutions") or {}).items():
        definition = definition.replace(f"${{{name}}}", str(value))
    machine = stepfunctions_parser_backends[making.account_id][making.region].create_state_machine(
        name=making.name,
        definition=definition,
        roleArn=making.properties["RoleArn"],
        sm_type=making.properties.get("StateMachineType", "STANDARD"),
    )
    making.deployment.state_machines[making.logical_id] = machine.arn
    return Made(machine.arn, {"Arn": machine.arn, "Name": making.name})


@interprets(
    "AWS::KMS::Key",
    "moto's key, which keeps its id and material over restarts; its policy is not enforced",
    attributes=("Arn", "KeyId"),
)
def _key(making: Making) -> Any:
    key = making.by_moto(Key)
    kept = making.deployment.kept
    value = kept.get("key", making.logical_id)
    if value is None:
        material = base64.b64encode(key.key_material).decode()
        kept.put("key", making.logical_id, {"id": key.id, "material": material})
    else:
        keys = kms_backends[making.account_id][making.region].keys
        del keys[key.id]
        key.arn = key.arn.removesuffix(key.id) + value["id"]
        key.id, key.key_material = value["id"], base64.b64decode(value["material"])
        keys[key.id] = key
    return Made(key.id, {"Arn": key.arn, "KeyId": key.id})


@interprets(
    "AWS::SecretsManager::Secret",
    "generated as the template asks and put into moto's store; kept over restarts",
    name="Name",
    attributes=("Id",),
)
def _secret(making: Making) -> Any:
    kept = making.deployment.kept
    value = kept.get("secret", making.logical_id)
    if value is None:
        settings = making.properties.get("GenerateSecretString", {})
        value = {"value": making.properties.get("SecretString") or generate_secret(settings)}
        kept.put("secret", making.logical_id, value)
    backend = secretsmanager_backends[making.account_id][making.region]
    backend.create_secret(
        name=making.name,
        secret_string=value["value"],
        secret_binary=None,
        description=making.properties.get("Description"),
        tags=making.properties.get("Tags", []),
        kms_key_id=making.properties.get("KmsKeyId"),
        client_request_token=None,
        replica_regions=[],
        force_overwrite=False,
    )
    arn = backend.describe_secret(making.name).arn
    return Made(arn, {"Id": arn})


@interprets(
    "AWS::SES::EmailIdentity",
    "confirmed at once; mail goes nowhere: it is kept in the state folder, and `make mail` shows it",
    name="EmailIdentity",
)
def _mail_identity(making: Making) -> Any:
    identity = making.properties["EmailIdentity"]
    ses_backends[making.account_id][making.region].verify_email_identity(identity)
    return Made(identity)


@interprets(
    "AWS::S3::Bucket",
    "moto's bucket, which keeps its name and its objects over restarts; no lifecycle rule acts",
    name="BucketName",
    attributes=("Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL"),
)
def _bucket(making: Making) -> Any:
    kept = making.deployment.kept
    value = kept.get("bucket", making.logical_id)
    if value is None:
        value = {"name": making.name}
        kept.put("bucket", making.logical_id, value)
    making.deployment.buckets[making.logical_id] = value["name"]
    return making.by_moto(FakeBucket, name=value["name"])


def generate_secret(settings: Json) -> str:
    """Return a secret as `GenerateSecretString` describes it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html
    """

    def is_set(flag: str) -> bool:
        return str(settings.get(flag, False)).lower() == "true"

    kinds = {
        "ExcludeUppercase": string.ascii_uppercase,
        "ExcludeLowercase": string.ascii_lowercase,
        "ExcludeNumbers": string.digits,
        "ExcludePunctuation": string.punctuation,
    }
    excluded = set(settings.get("ExcludeCharacters", ""))
    alphabets = [
        "".join(letter for letter in letters if letter not in excluded)
        for flag, letters in kinds.items()
        if not is_set(flag)
    ]
    if is_set("IncludeSpace"):
        alphabets.append(" ")
    length = int(settings.get("PasswordLength", 32))
    letters = [secrets.choice(alphabet) for alphabet in alphabets]  # each type at least once, AWS's default
    letters += [secrets.choice("".join(alphabets)) for _ in range(length - len(letters))]
    secrets.SystemRandom().shuffle(letters)
    value = "".join(letters)
    if "GenerateStringKey" not in settings:
        return value
    return json.dumps(json.loads(settings["SecretStringTemplate"]) | {settings["GenerateStringKey"]: value})
