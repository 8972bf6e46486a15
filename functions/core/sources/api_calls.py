"""CloudTrail's records of calls that change what runs, and what must not be kept of any record.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from functions.core import values
from functions.core.redaction import Redactor
from functions.core.secret_rules import HASH_MARK, REDACTED

LAMBDA, GATEWAY = "lambda.amazonaws.com", "apigateway.amazonaws.com"


class Call(NamedTuple):
    """What a call does to what."""

    kind: str
    action: str
    resource_type: str


class Details(NamedTuple):
    """What a record says of the thing that the call changed."""

    service: str | None
    version: str | None
    resource: str | None
    changes: dict[str, Any]


def _calls(kind: str, resource_type: str, *names: str) -> dict[str, Call]:
    """Calls by name; the verb that a name begins with says what it does."""
    deeds = {"Create": "created", "Import": "created", "Publish": "created", "Delete": "deleted"}
    return {
        name: Call(
            kind, next((deed for verb, deed in deeds.items() if name.startswith(verb)), "updated"), resource_type
        )
        for name in names
    }


CALLS: dict[str, dict[str, Call]] = {
    LAMBDA: {
        **_calls("function", "AWS::Lambda::Function", "CreateFunction", "DeleteFunction"),
        **_calls("function_code", "AWS::Lambda::Function", "UpdateFunctionCode"),
        **_calls(
            *("function_config", "AWS::Lambda::Function", "UpdateFunctionConfiguration", "PutFunctionConcurrency"),
            *("DeleteFunctionConcurrency", "PutProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig"),
        ),
        **_calls("version", "AWS::Lambda::Version", "PublishVersion"),
        **_calls("alias", "AWS::Lambda::Alias", "CreateAlias", "UpdateAlias", "DeleteAlias"),
        **_calls("layer", "AWS::Lambda::LayerVersion", "PublishLayerVersion", "DeleteLayerVersion"),
        **_calls(
            *("event_source", "AWS::Lambda::EventSourceMapping", "CreateEventSourceMapping"),
            *("UpdateEventSourceMapping", "DeleteEventSourceMapping"),
        ),
    },
    GATEWAY: {
        **_calls("api", "AWS::ApiGateway::Deployment", "CreateDeployment", "DeleteDeployment"),
        **_calls("api", "AWS::ApiGateway::Stage", "CreateStage", "UpdateStage", "DeleteStage"),
        **_calls(
            *("api", "AWS::ApiGateway::RestApi", "CreateRestApi", "ImportRestApi", "PutRestApi", "UpdateRestApi"),
            "DeleteRestApi",
        ),
        **_calls("api", "AWS::ApiGatewayV2::Api", "CreateApi", "ImportApi", "ReimportApi", "UpdateApi", "DeleteApi"),
        **_calls("api", "AWS::ApiGatewayV2::Route", "CreateRoute", "UpdateRoute", "DeleteRoute"),
        **_calls("api", "AWS::ApiGatewayV2::Integration", "UpdateIntegration"),
    },
}
"""Calls by service and name. Lambda's names end in the version of its API, as ``UpdateFunctionCode20150331v2``."""

LONGEST_NAME = 128
_VERSION = re.compile(r"\d{8}(v\d+)?$")
# characters of names: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_PERSON = re.compile(r"(:assumed-role/[\w+=,.@-]+/|:(?:federated-)?user/|\bAROA[A-Z0-9]{12,}:)([\w+=,.@/-]+)")
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
# and, for what STS is asked and answers, https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html
_SESSIONS = frozenset({"principalId", "assumedRoleId", "federatedUserId"})
"""Members that end in a colon and the name that a session was given, if they are of a session."""
_PERSONS = frozenset({"roleSessionName", "sourceIdentity", "subject", "subjectFromWebIdentityToken", "sub", "user_id"})
"""Members that are such a name, or that of an identity provider, which may stand before it and a colon."""
_CHANGES = {
    "runtime": "runtime",
    "memorySize": "memory_mb",
    "timeout": "timeout_s",
    "handler": "handler",
    "layers": "layers",
    "architectures": "architectures",
    "functionVersion": "version",
    "reservedConcurrentExecutions": "reserved_concurrency",
    "provisionedConcurrentExecutions": "provisioned_concurrency",
    "deploymentId": "deployment",
}
_ENVIRONMENTS = frozenset({"environment", "environmentvariables", "variables", "stagevariables"})


def is_record(line: dict[str, Any]) -> bool:
    """Whether an object is a record of CloudTrail; notifications of S3 and DynamoDB's streams have other sources."""
    source = line.get("eventSource")
    return type(source) is str and source.endswith((".amazonaws.com", ".amazonaws.com.cn")) and "eventName" in line


def known(record: dict[str, Any]) -> Call | None:
    """The call of a record, where it changes what runs; None for all others."""
    name = values.text(record.get("eventName")) or ""
    calls = CALLS.get(record["eventSource"].removesuffix(".cn"), {})
    return calls.get(_VERSION.sub("", name[:LONGEST_NAME]))


def details(record: dict[str, Any], call: Call) -> Details:
    """Function or API of a call, and what it changed; values of environment variables are hidden already."""
    asked, answered = _object(record, "requestParameters"), _object(record, "responseElements")
    both = {**answered, **asked}
    changes: dict[str, Any] = {
        ours: {"new": both[theirs]} for theirs, ours in _CHANGES.items() if both.get(theirs) is not None
    }
    if call.kind == "function_code" and answered.get("codeSha256") is not None:
        changes["code_sha256"] = {"new": answered["codeSha256"]}
    if names := sorted(_variables(asked)):
        changes["environment_names"] = {"new": names}
    if record["eventSource"].startswith("apigateway"):
        inputs = {name: value for part in asked.values() if type(part) is dict for name, value in part.items()}
        given = {**answered, **inputs, **asked}
        api = values.name(given.get("restApiId")) or values.name(given.get("apiId")) or values.name(given.get("id"))
        stage = values.name(given.get("stageName"))
        return Details(None, None, "/".join(part for part in (api, stage) if part) or None, changes)
    service, qualifier = function_of(values.name(both.get("functionName")) or values.name(answered.get("functionArn")))
    if call.kind == "layer":
        return Details(None, values.name(both.get("version")), values.name(both.get("layerName")), changes)
    version = values.name(answered.get("version")) if call.kind in ("version", "function_code") else None
    alias = values.name(both.get("name")) if call.kind == "alias" else None
    if alias:
        version = values.name(both.get("functionVersion"))
    return Details(service, version or qualifier, f"{service}:{alias}" if alias else service, changes)


def function_of(written: str | None) -> tuple[str | None, str | None]:
    """Name and version or alias of a function that is named by its name, its ARN or a part of that."""
    if written is None:
        return None, None
    name, _, qualifier = written.rpartition("function:")[2].partition(":")
    return name or None, qualifier or None


def actor(identity: Any, redactor: Redactor) -> str | None:
    """Who called: ``role/<name>``, ``service/<name>``, ``root``, or of a person the hash.

    The session of a role, which is often called like a person, is left out.
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
    """
    if type(identity) is not dict:
        return None
    kind = values.name(identity.get("type"))
    arn = values.text(identity.get("arn")) or ""
    if kind == "AssumedRole":
        role = values.name(_object(_object(identity, "sessionContext"), "sessionIssuer").get("userName"))
        return f"role/{role or arn.partition(':assumed-role/')[2].partition('/')[0]}"
    if kind == "Root":
        return "root"
    if kind == "AWSService":
        return f"service/{values.text(identity.get('invokedBy')) or ''}"
    person = values.name(identity.get("userName")) or values.name(identity.get("principalId")) or arn
    return f"user/{_hash(person, redactor)}" if person else None


def shown(value: Any, redactor: Redactor) -> Any:
    """A record, or what holds one, without the values of environment and stage variables and the names of persons.

    Of a user, of a role's session and of whoever is federated a hash is left, wherever they stand.
    """
    if type(value) is str:
        return without_persons(value, redactor)
    if type(value) is dict:
        if type(value.get("path")) is str and "/variables" in value["path"] and "value" in value:
            redactor.count(1)
            return {**value, "value": REDACTED}  # an operation of a PATCH: a stage variable
        return {name: _member(name, member, redactor) for name, member in value.items()}
    return [shown(item, redactor) for item in value] if type(value) is list else value


def without_persons(text: str, redactor: Redactor) -> str:
    """A text whose ARNs of users, and ARNs and ids of sessions, have a hash in the place of the person."""
    if ":assumed-role/" not in text and "user/" not in text and "AROA" not in text:
        return text
    without, persons = _PERSON.subn(lambda found: found[1] + _hash(found[2], redactor), text)
    redactor.count(persons)
    return without


def _member(name: str, value: Any, redactor: Redactor) -> Any:
    if name.casefold() in _ENVIRONMENTS:
        return _without_values(value, redactor)
    if type(value) is str and value and name.rpartition(":")[2] in _PERSONS:
        redactor.count(1)
        return _hash(value, redactor)
    if type(value) is str and name in _SESSIONS:
        holder, colon, session = value.rpartition(":")
        redactor.count(bool(colon))
        return f"{holder}:{_hash(session, redactor)}" if colon else value
    return shown(value, redactor)


def _hash(person: str, redactor: Redactor) -> str:
    return HASH_MARK + redactor.hashed(person)


def _without_values(value: Any, redactor: Redactor) -> Any:
    """Names without values: members of an object, or the ``name`` of what a list holds."""
    if type(value) is dict:
        return {name: member if name == "name" else _without_values(member, redactor) for name, member in value.items()}
    if type(value) is list:
        return [_without_values(item, redactor) for item in value]
    redactor.count(value is not None)
    return value if value is None else REDACTED


def _variables(asked: dict[str, Any]) -> list[str]:
    return list(map(str, _object(_object(asked, "environment"), "variables")))


def _object(holder: dict[str, Any], name: str) -> dict[str, Any]:
    value = holder.get(name)
    return value if type(value) is dict else {}
