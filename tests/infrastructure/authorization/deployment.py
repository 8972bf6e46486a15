"""The templates as they would stand in an account: names and ARNs instead of references, and who has which policies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from authorization.engine import Request, Statement, allowed, parse

ACCOUNT, REGION = "123456789012", "eu-central-1"
SECURE = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}

_PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackId": "stack",
    "AWS::StackName": "stack",
}
_HERE = f"{REGION}:{ACCOUNT}"
# the property that names a resource, where it has one, and its ARN
_KINDS = {
    "AWS::S3::Bucket": ("BucketName", "arn:aws:s3:::{name}"),
    "AWS::DynamoDB::Table": ("TableName", f"arn:aws:dynamodb:{_HERE}:table/{{name}}"),
    "AWS::KMS::Key": ("", f"arn:aws:kms:{_HERE}:key/{{name}}"),
    "AWS::Kinesis::Stream": ("Name", f"arn:aws:kinesis:{_HERE}:stream/{{name}}"),
    "AWS::Lambda::Function": ("FunctionName", f"arn:aws:lambda:{_HERE}:function:{{name}}"),
    "AWS::Logs::LogGroup": ("LogGroupName", f"arn:aws:logs:{_HERE}:log-group:{{name}}:*"),
    "AWS::SNS::Topic": ("TopicName", f"arn:aws:sns:{_HERE}:{{name}}"),
    "AWS::SQS::Queue": ("QueueName", f"arn:aws:sqs:{_HERE}:{{name}}"),
    "AWS::IAM::Role": ("RoleName", f"arn:aws:iam::{ACCOUNT}:role/{{name}}"),
    "AWS::Events::Rule": ("Name", f"arn:aws:events:{_HERE}:rule/{{name}}"),
    "AWS::CloudWatch::Alarm": ("AlarmName", f"arn:aws:cloudwatch:{_HERE}:alarm:{{name}}"),
}
# of a queue it is the address; where it is asked for here, its policy is meant
_REF_IS_ARN = ("AWS::SNS::Topic", "AWS::SQS::Queue")
# what the tests of the functions call the resources whose names CloudFormation makes up
NAMES_IN_TESTS = {"Lake": "lake", "DeadLetters": "dead-letters", "State": "state"}

Template = dict[str, Any]


class Deployment:
    """All stacks of one stage; ``names`` are those of its resources by the logical id without its hash."""

    def __init__(self, templates: Mapping[str, Template], names: Mapping[str, str] | None = None) -> None:
        self.names = NAMES_IN_TESTS if names is None else names
        self._resources: dict[str, tuple[str, dict[str, Any]]] = {}
        self._stack_of: dict[str, str] = {}
        self._defaults: dict[str, str] = {}
        for stack, template in templates.items():
            self._defaults |= {name: each.get("Default", "") for name, each in template.get("Parameters", {}).items()}
            for name, resource in template["Resources"].items():
                self._resources[f"{stack}/{name}"] = resource["Type"], resource.get("Properties", {})
                self._stack_of[f"{stack}/{name}"] = stack

    def of_type(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Key and properties of all resources of a type."""
        return ((key, properties) for key, (each, properties) in self._resources.items() if each == kind)

    def name(self, key: str) -> str:
        """What the resource is called in the account."""
        kind, properties = self._resources[key]
        given = properties.get(_KINDS[kind][0]) if kind in _KINDS else None
        if isinstance(given, str):
            return given
        logical = re.sub(r"[0-9A-F]{8}$", "", key.split("/")[1])
        return self.names.get(logical, f"tracelake-{key.split('/')[1]}")

    def arn(self, key: str) -> str:
        """The ARN of a resource."""
        kind, _ = self._resources[key]
        return _KINDS[kind][1].format(name=self.name(key))

    def resolve(self, value: Any, stack: str) -> Any:
        """A value of a template of this stack, as it is when deployed."""
        if isinstance(value, list):
            return [self.resolve(each, stack) for each in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function == "Ref":
                return self._ref(argument, stack)
            if function == "Fn::GetAtt":
                assert argument[1] == "Arn", argument
                return self.arn(f"{stack}/{argument[0]}")
            if function == "Fn::Join":
                return argument[0].join(self.resolve(each, stack) for each in argument[1])
            assert not function.startswith("Fn::"), f"{function} is not known here"
        return {key: self.resolve(each, stack) for key, each in value.items()}

    def _ref(self, name: str, stack: str) -> str:
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self._defaults:
            return self._parameters[self._defaults[name]]
        key = f"{stack}/{name}"
        return self.arn(key) if self._resources[key][0] in _REF_IS_ARN else self.name(key)

    @cached_property
    def _parameters(self) -> dict[str, str]:
        """Values of the SSM parameters through which stacks tell each other names."""
        return {
            properties["Name"]: self.resolve(properties["Value"], self._stack_of[key])
            for key, properties in self.of_type("AWS::SSM::Parameter")
        }

    @cached_property
    def identity(self) -> dict[str, list[Statement]]:
        """Policies of each role, by its ARN."""
        found: dict[str, list[Statement]] = {self.arn(key): [] for key, _ in self.of_type("AWS::IAM::Role")}
        for key, properties in self.of_type("AWS::IAM::Policy"):
            stack = self._stack_of[key]
            for role in properties["Roles"]:
                found[self.arn(f"{stack}/{role['Ref']}")] += parse(self.resolve(properties["PolicyDocument"], stack))
        return found

    @cached_property
    def roles(self) -> dict[str, str]:
        """ARN of the role of each function, by the name of its folder."""
        return {
            properties["FunctionName"].split("-", 2)[2].replace("-", "_"): self.resolve(
                properties["Role"], self._stack_of[key]
            )
            for key, properties in self.of_type("AWS::Lambda::Function")
        }

    @cached_property
    def trust(self) -> dict[str, list[Statement]]:
        """Who may assume each role, by its ARN."""
        return {
            self.arn(key): parse(self.resolve(properties["AssumeRolePolicyDocument"], self._stack_of[key]))
            for key, properties in self.of_type("AWS::IAM::Role")
        }

    @cached_property
    def _of_resources(self) -> dict[str, list[Statement]]:
        """Policies of buckets, keys, topics, queues and functions, by the resource's ARN."""
        found: dict[str, list[Statement]] = {}
        for kind, document, on in (
            ("AWS::S3::BucketPolicy", "PolicyDocument", lambda p: [f"arn:aws:s3:::{p['Bucket']}"]),
            ("AWS::SNS::TopicPolicy", "PolicyDocument", lambda p: p["Topics"]),
            ("AWS::SQS::QueuePolicy", "PolicyDocument", lambda p: p["Queues"]),
        ):
            for key, properties in self.of_type(kind):
                resolved = self.resolve(properties, self._stack_of[key])
                for arn in on(resolved):
                    found.setdefault(arn, []).extend(parse(resolved[document]))
        for key, properties in self.of_type("AWS::KMS::Key"):
            found[self.arn(key)] = parse(self.resolve(properties["KeyPolicy"], self._stack_of[key]))
        for key, properties in self.of_type("AWS::Lambda::Permission"):
            permission = self.resolve(properties, self._stack_of[key])
            found.setdefault(permission["FunctionName"], []).append(_as_statement(permission))
        return found

    def resource_policy(self, arn: str) -> list[Statement]:
        """The policy of the resource; of an object, that of its bucket."""
        if arn.startswith("arn:aws:s3:::"):
            return self._of_resources.get(arn.split("/", maxsplit=1)[0], [])
        return self._of_resources.get(arn, [])

    def workgroup(self) -> str:
        """The one workgroup."""
        ((_, properties),) = self.of_type("AWS::Athena::WorkGroup")
        return str(properties["Name"])

    @cached_property
    def keys(self) -> dict[str, str]:
        """The customer's key that encrypts a bucket or topic, by their ARN."""
        found = {}
        for key, properties in self.of_type("AWS::S3::Bucket"):
            (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            if master := rule["ServerSideEncryptionByDefault"].get("KMSMasterKeyID"):
                found[self.arn(key)] = self.resolve(master, self._stack_of[key])
        for key, properties in self.of_type("AWS::SNS::Topic"):
            if master := properties.get("KmsMasterKeyId"):
                found[self.arn(key)] = self.resolve(master, self._stack_of[key])
        return found

    def allows(self, request: Request, identity: list[Statement] | None = None) -> bool:
        """Whether the request is allowed, over TLS, by what is deployed (or by these policies of the principal)."""
        secure = Request(request.principal, request.action, request.resource, {**SECURE, **request.context})
        own = self.identity.get(request.principal, []) if identity is None else identity
        policy = self.trust.get(request.resource) if request.action == "sts:AssumeRole" else None
        return allowed(secure, own, self.resource_policy(request.resource) if policy is None else policy)


def _as_statement(permission: Mapping[str, Any]) -> Statement:
    """What Lambda makes of a permission: https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html"""
    conditions: dict[str, dict[str, str]] = {}
    if "SourceArn" in permission:
        conditions["ArnLike"] = {"aws:SourceArn": permission["SourceArn"]}
    if "SourceAccount" in permission:
        conditions["StringEquals"] = {"aws:SourceAccount": permission["SourceAccount"]}
    return Statement(
        True,
        (permission["Action"],),
        (permission["FunctionName"],),
        (("Service", permission["Principal"]),),
        conditions,
    )
