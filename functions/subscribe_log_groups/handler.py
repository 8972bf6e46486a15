"""Keeps every log group that the user selected subscribed: on a schedule, and when the stack changes."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.aws import custom_resource, environment
from functions.aws.account_policies import AccountPolicies
from functions.aws.clients import client
from functions.aws.logs import Subscriptions
from functions.core.selection import Selection
from functions.subscribe_log_groups import written_down
from functions.subscribe_log_groups.account import AccountMode
from functions.subscribe_log_groups.sweep import Report, Sweep, Target

ACCOUNT = "account"
RESERVE_MS = 20_000
PATIENCE_SECONDS = 180.0
LISTED = 100

logger = Logger(service="tracelake-subscribe-log-groups")
# an empty service, else POWERTOOLS_SERVICE_NAME becomes a second dimension and no alarm finds the metric
metrics = Metrics(namespace="tracelake", service="")
_refused: dict[str, str] = {}


def handle(event: dict[str, Any] | None, context: custom_resource.Context) -> dict[str, Any]:
    """Sweep, for any event and for none; for CloudFormation sweep everything or, on Delete, remove all own filters."""
    if not custom_resource.is_custom_resource(event):
        return _swept(_mode(_sweep(context)).run(environment.now_ms(), everything=False))
    custom_resource.answer(event, context, lambda: _for_the_stack(event, context))
    return {}


def _for_the_stack(event: dict[str, Any], context: custom_resource.Context) -> dict[str, Any]:
    if event["RequestType"] == "Delete":
        mode = _mode(_sweep(context))
        return _removed(mode.remove() if isinstance(mode, AccountMode) else mode.remove_all())
    mode = _mode(_sweep(context, patience_seconds=PATIENCE_SECONDS))
    was_account = event.get("OldResourceProperties", {}).get("IngestMode") == ACCOUNT
    if was_account and not isinstance(mode, AccountMode):
        report = _left(_account_mode(mode).leave(environment.now_ms()))
    else:
        report = mode.run(environment.now_ms(), everything=True)
    swept = _swept(report)
    told = {key: swept[key] for key in ("groups", "subscribed", "left", "policy_refused") if swept[key] != ""}
    return told | {"refused": len(report.refused)}


def _left(report: Report) -> Report:
    if report.left:
        raise RuntimeError(
            f"{report.left} log groups were not reached, so the account policy stays: {report.stopped_by}. Deploy again"
        )
    return report


def _mode(sweep: Sweep) -> Sweep | AccountMode:
    return _account_mode(sweep) if environment.optional("INGEST_MODE") == ACCOUNT else sweep


def _account_mode(sweep: Sweep) -> AccountMode:
    return AccountMode(AccountPolicies(client("logs")), sweep, environment.comma_list("OWN_LOG_GROUPS"))


def _sweep(context: custom_resource.Context, patience_seconds: float = 0.0) -> Sweep:
    return Sweep(
        subscriptions=Subscriptions(client("logs")),
        selection=Selection(
            include=environment.comma_list("INCLUDE"),
            exclude=environment.comma_list("EXCLUDE"),
            only=environment.optional("ONLY"),
            exclude_names=environment.comma_list("EXCLUDE_NAMES"),
        ),
        target=Target(
            filter_name=f"tracelake-{environment.stage()}",
            stream_arn=environment.required("STREAM_ARN"),
            role_arn=environment.required("SUBSCRIPTION_ROLE_ARN"),
        ),
        refused=_refused,
        has_time=lambda: context.get_remaining_time_in_millis() > RESERVE_MS,
        patience_seconds=patience_seconds,
    )


def _swept(report: Report) -> dict[str, Any]:
    """Report as log line and metrics, and as plain values."""
    metrics.set_default_dimensions(Stage=environment.stage())
    metrics.add_metric("SubscribedLogGroups", MetricUnit.Count, report.subscribed)
    metrics.add_metric("UnsubscribedLogGroups", MetricUnit.Count, len(report.refused))
    metrics.flush_metrics()
    values = asdict(report) | {"subscribed": report.subscribed}
    shown = {key: _shortened(value) for key, value in values.items()}
    written_down.write(report, environment.now_ms())
    worse = report.refused or report.left or report.policy_refused
    (logger.warning if worse else logger.info)("log groups swept", **shown)
    return values


def _removed(report: Report) -> dict[str, Any]:
    logger.info("subscription filters removed", **{key: _shortened(value) for key, value in asdict(report).items()})
    if report.refused or report.left:
        reasons = json.dumps(dict(list(report.refused.items())[:5]))
        stopped = f"; {report.left} log groups were not reached: {report.stopped_by}" if report.left else ""
        raise RuntimeError(
            f"{len(report.refused)} log groups keep their filter: {reasons}{stopped}. Delete the stack again"
        )
    return {"removed": len(report.removed)}


def _shortened(value: Any) -> Any:
    """Lists and mappings with at most 100 entries, so that a log line stays one."""
    if isinstance(value, dict):
        return dict(list(value.items())[:LISTED])
    return value[:LISTED] if isinstance(value, list) else value
