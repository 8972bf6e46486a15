"""Gap: CloudFormation refuses a whole template that has one of these types."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from ministack.services import athena
from ministack.services.cloudformation import provisioners

Handler = Callable[..., Any]


def install() -> None:
    provisioners._RESOURCE_HANDLERS.update(
        {
            "AWS::Athena::NamedQuery": {"create": _create_named_query, "delete": _delete_named_query},
            "AWS::Logs::QueryDefinition": {"create": _create_saved_query, "delete": lambda *_: None},
            "AWS::SNS::TopicInlinePolicy": _inline_policy(provisioners._RESOURCE_HANDLERS["AWS::SNS::TopicPolicy"]),
        }
    )


def _create_named_query(_logical_id: str, properties: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
    athena._create_named_query(properties)
    query_id = list(athena._named_queries)[-1]
    return query_id, {"NamedQueryId": query_id}


def _delete_named_query(physical_id: str, _properties: dict[str, Any]) -> None:
    athena._delete_named_query({"NamedQueryId": physical_id})


def _create_saved_query(_logical_id: str, _properties: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
    query_id = str(uuid4())
    return query_id, {"QueryDefinitionId": query_id}


def _inline_policy(topic_policy: dict[str, Any]) -> dict[str, Any]:
    """As a topic policy, of one topic."""

    def with_topics(properties: dict[str, Any]) -> dict[str, Any]:
        return {**properties, "Topics": [properties["TopicArn"]]}

    return {
        "create": lambda logical_id, new, stack: topic_policy["create"](logical_id, with_topics(new), stack),
        "update": lambda physical_id, old, new, stack: topic_policy["update"](
            physical_id, with_topics(old), with_topics(new), stack
        ),
        "delete": lambda physical_id, old: topic_policy["delete"](physical_id, with_topics(old)),
    }
