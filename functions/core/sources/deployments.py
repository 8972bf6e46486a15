"""Changes of what runs: CloudFormation's events, calls in CloudTrail, and what tracelake itself puts on the stream.

EventBridge brings the first two in its envelope
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html); calls stand in CloudTrail's log
files and log groups besides. An event is named by EventBridge's or CloudTrail's own id, so it is one row whatever way
it comes. tracelake's events are

- ``deployment``: commit, and optional service, version, url, status, id, time (``tracelake deployed``);
- ``configuration_changed``: function, action, changes, id, time (``snapshot_configuration``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from functions.core import values
from functions.core.context import Context
from functions.core.json_texts import with_value
from functions.core.rows import Event
from functions.core.sources import api_calls, json_logs
from functions.core.sources.api_calls import function_of

CLOUDFORMATION, CLOUDTRAIL, SNAPSHOT, DEPLOYED = "cloudformation", "cloudtrail", "configuration_snapshot", "deployed"
SOURCES = (CLOUDFORMATION, CLOUDTRAIL, SNAPSHOT, DEPLOYED)
MEMBERS = frozenset({"detail-type", "eventSource"})
"""Members one of which every event of AWS has that is read here."""

STACK, RESOURCE = "CloudFormation Stack Status Change", "CloudFormation Resource Status Change"
API_CALL = "AWS API Call via CloudTrail"

LONGEST_ID = 256
_FUNCTION = "AWS::Lambda::Function"
_STATUSES = ("in_progress", "succeeded", "failed")
_ACTIONS = {"CREATE": "created", "UPDATE": "updated", "DELETE": "deleted", "IMPORT": "imported", "REVIEW": "created"}

SetTime = Callable[[Event, Any], None]


class Change(NamedTuple):
    """A row of ``deployments`` behind the columns that every table begins with, but for the line."""

    kind: str
    action: str | None = None
    status: str | None = None
    service: str | None = None
    service_version: str | None = None
    resource_type: str | None = None
    resource: str | None = None
    stack: str | None = None
    deployment_id: str | None = None
    commit_sha: str | None = None
    changes: str | None = None
    message: str | None = None
    actor: str | None = None
    run_url: str | None = None


def read(event: Event, line: dict[str, Any], context: Context, set_time: SetTime) -> bool:
    """Adds the row of an event of AWS that changes something; False for all others.

    Of other calls in CloudTrail the line loses the values of environment variables and the names of persons, and is
    read as a log line.
    """
    if "detail-type" not in line:
        return _call(event, line, None, context, set_time)
    detail, kind = line.get("detail"), line.get("detail-type")
    if type(detail) is not dict:
        return False
    if kind in (STACK, RESOURCE) and line.get("source") == "aws.cloudformation":
        return _stack_event(event, line, detail, context, set_time)
    return _call(event, detail, line, context, set_time)


def _call(
    event: Event, record: dict[str, Any], envelope: dict[str, Any] | None, context: Context, set_time: SetTime
) -> bool:
    """Reads a record of CloudTrail, which may lie in an envelope."""
    if not api_calls.is_record(record):
        return False
    call = api_calls.known(record)
    if call is None:
        whole = envelope or record
        shown = api_calls.shown(whole, context.redactor)
        event.line = with_value(event.line, whole, shown)
        context.add(json_logs.READER, event, shown)
        return True
    actor = api_calls.actor(record.pop("userIdentity", None), context.redactor)
    record = api_calls.shown(record, context.redactor)
    set_time(event, record.get("eventTime"))
    _name(event, record.get("eventID"))
    _place(event, record.get("recipientAccountId"), record.get("awsRegion"))
    found = api_calls.details(record, call)
    event.line = values.text(record) or ""
    _add(
        event,
        CLOUDTRAIL,
        context,
        Change(
            call.kind,
            call.action,
            "failed" if record.get("errorCode") else "succeeded",
            found.service,
            found.version,
            call.resource_type,
            found.resource,
            deployment_id=values.name(record.get("requestID")),
            changes=values.text(found.changes or None),
            message=_joined(record.get("errorCode"), record.get("errorMessage")),
            actor=actor,
        ),
    )
    return True


def _stack_event(
    event: Event, envelope: dict[str, Any], detail: dict[str, Any], context: Context, set_time: SetTime
) -> bool:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/events-detail-reference.html"""
    stack = _stack_name(values.name(detail.get("stack-id")))
    logical = values.name(detail.get("logical-resource-id"))
    physical = values.name(detail.get("physical-resource-id"))
    of_stack = envelope["detail-type"] == STACK
    if stack is None or not (of_stack or logical or physical):
        return False
    given = detail.get("status-details")
    details = given if type(given) is dict else {}
    status = values.text(details.get("status")) or ""
    kind = "AWS::CloudFormation::Stack" if of_stack else values.name(detail.get("resource-type"))
    of_function = physical is not None and (kind or "").startswith("AWS::Lambda::")
    service, version = function_of(physical) if of_function else (None, None)
    set_time(event, envelope.get("time"))
    _name(event, envelope.get("id"))
    _place(event, envelope.get("account"), envelope.get("region"))
    _add(
        event,
        CLOUDFORMATION,
        context,
        Change(
            "stack" if of_stack else "resource",
            "rolled_back" if "ROLLBACK" in status else _ACTIONS.get(status.partition("_")[0]),
            _status(status),
            service,
            version if kind == "AWS::Lambda::Version" else None,
            kind,
            stack if of_stack else physical or logical,
            stack,
            values.name(detail.get("client-request-token")),
            message=values.name(details.get("status-reason")),
        ),
    )
    return True


def read_deployment(event: Event, line: dict[str, Any], context: Context) -> None:
    """Adds the row of a deployment that its pipeline tells of. ValueError where it names no commit."""
    commit = values.name(line.get("commit"))
    if commit is None:
        raise ValueError("deployment event without commit")
    status = line.get("status")
    _name(event, line.get("id"))
    _add(
        event,
        DEPLOYED,
        context,
        Change(
            "commit",
            "deployed",
            status if type(status) is str and status in _STATUSES else "succeeded",
            values.name(line.get("service")),
            values.name(line.get("version")),
            deployment_id=event.id,
            commit_sha=commit,
            run_url=values.name(line.get("url")),
        ),
    )


def read_configuration(event: Event, line: dict[str, Any], context: Context) -> None:
    """Adds the row of a function that differs from the snapshot before. ValueError where it names no function."""
    function = values.name(line.get("function"))
    if function is None:
        raise ValueError("configuration_changed event without function")
    changes = line.get("changes")
    names = changes if type(changes) is dict else {}
    action = values.name(line.get("action")) or "updated"
    kind = "function" if action != "updated" else "function_code" if "code_sha256" in names else "function_config"
    _name(event, line.get("id"))
    _add(
        event,
        SNAPSHOT,
        context,
        Change(
            kind,
            action,
            "succeeded",
            function,
            resource_type=_FUNCTION,
            resource=function,
            changes=values.text(names or None),
        ),
    )


def _add(event: Event, source: str, context: Context, change: Change) -> None:
    place = event.place
    common = (event.time, event.id, 0, place.account, place.region, source, event.event_time)
    if change.message:
        change = change._replace(message=api_calls.without_persons(change.message, context.redactor))
    context.rows.deployments.append((*common, *change, api_calls.without_persons(event.line, context.redactor)))


def _name(event: Event, own_id: Any) -> None:
    """Calls the event by the id that its source gave it, so that it is one row however often it comes."""
    if type(own_id) is str and 0 < len(own_id) <= LONGEST_ID:
        event.id = own_id


def _place(event: Event, account: Any, region: Any) -> None:
    known = event.place
    event.place = msgspec.structs.replace(
        known, account=values.name(account) or known.account, region=values.name(region) or known.region
    )


def _stack_name(stack_id: str | None) -> str | None:
    """``shop`` of ``arn:aws:cloudformation:<region>:<account>:stack/shop/<id>``."""
    if stack_id is None or not stack_id.startswith("arn:"):
        return stack_id
    parts = stack_id.split("/")
    return (parts[1] if len(parts) > 1 else "") or stack_id


def _status(written: str) -> str | None:
    """Outcome of a status of CloudFormation: what was rolled back has failed, and so has what only begins to be."""
    if written.endswith("_IN_PROGRESS"):
        return "in_progress"
    if written.endswith("_FAILED") or "ROLLBACK" in written:
        return "failed"
    return "succeeded" if written.endswith("_COMPLETE") else None


def _joined(*parts: Any) -> str | None:
    return ": ".join(text for text in map(values.name, parts) if text) or None
