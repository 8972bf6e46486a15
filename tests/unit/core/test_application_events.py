from __future__ import annotations

import json
from datetime import datetime

import pytest
from feeding import ARRIVAL, NOW_MS, Normalizer, payload, read, rows, taken

from functions.core.normalize import Rules

USAGE = {"event_type": "usage", "tenant": "acme", "feature": "export", "user": "bob", "properties": {"format": "csv"}}
SETTING = {"event_type": "setting_changed", "tenant": "acme", "setting": "theme", "old": "light", "new": "dark"}
WEBHOOK = {
    "event_type": "webhook",
    "tenant": "acme",
    "service": "intake",
    "method": "POST",
    "route": "/hooks/{id}",
    "path": "/hooks/7",
    "status": 202,
    "latency_ms": 12.5,
    "request_bytes": 300,
    "response_bytes": 2,
}


def streamed(*events: dict[str, object]) -> Normalizer:
    """Events as PutRecords brings them: objects in one record, without CloudWatch's envelope."""
    return taken("\n".join(map(json.dumps, events)).encode())


def test_a_usage_event_counts_a_feature_and_hides_the_user() -> None:
    (row,) = rows(streamed(USAGE), "usage_events")
    assert (row["tenant"], row["feature"], row["quantity"]) == ("acme", "export", 1.0)
    assert row["properties"] == {"format": "csv"}
    assert row["user_id"] not in (None, "bob")
    assert row["event_id"] == "shard:0:0"
    assert row["account"] == "999999999999"


def test_a_usage_event_with_an_id_keeps_it_so_that_a_retry_of_its_producer_is_seen() -> None:
    assert [row["event_id"] for row in rows(streamed({**USAGE, "id": "u-1"}, USAGE), "usage_events")] == [
        "u-1",
        "shard:0:1",
    ]


@pytest.mark.parametrize(
    "time", ["2026-09-21T14:00:00Z", NOW_MS - 800_000, (NOW_MS - 800_000) / 1000, str(NOW_MS - 800_000)]
)
def test_times_are_iso_or_epochs(time: object) -> None:
    (row,) = rows(streamed({**USAGE, "time": time}), "usage_events")
    assert row["time"] == datetime.fromisoformat("2026-09-21T14:00:00")


def test_an_event_without_a_time_has_that_of_its_arrival() -> None:
    (row,) = rows(streamed(USAGE), "usage_events")
    assert (row["time"], row["event_time"]) == (ARRIVAL, None)


def test_a_changed_setting_has_old_and_new_value() -> None:
    (row,) = rows(streamed(SETTING), "tenant_settings")
    assert (row["tenant"], row["setting"], row["old_value"], row["new_value"]) == ("acme", "theme", "light", "dark")


def test_the_values_of_a_secret_setting_are_not_written() -> None:
    (row,) = rows(streamed({**SETTING, "setting": "smtp_password", "old": None, "new": "hunter2"}), "tenant_settings")
    assert (row["old_value"], row["new_value"]) == (None, "[redacted]")


def test_a_webhook_is_a_request_and_counts_as_traffic() -> None:
    normalizer = streamed(WEBHOOK)
    parts = {part.table: part.rows.to_pylist() for part in normalizer.flush("c")}
    (row,), (traffic,) = parts["requests"], parts["traffic"]
    assert (row["service"], row["route"], row["status"], row["tenant"]) == ("intake", "POST /hooks/{id}", 202, "acme")
    assert (traffic["requests"], traffic["latency_sum_ms"], traffic["event_id"]) == (1, 12.5, "c")


def test_application_events_are_read_from_log_lines_too() -> None:
    (row,) = read("tenant_settings", SETTING)
    assert (row["event_id"], row["account"]) == ("e0", "111111111111")


def test_an_event_type_of_somebody_else_is_a_log_line() -> None:
    event = {"event_type": "order_placed", "message": "m"}
    (row,) = rows(streamed(event), "logs")
    assert json.loads(row["line"]) == event


@pytest.mark.parametrize("event", [{"event_type": "usage"}, {"event_type": "setting_changed", "tenant": "a"}])
def test_an_event_without_its_subject_is_rejected_alone_and_can_be_sent_again(event: dict[str, object]) -> None:
    normalizer = streamed(USAGE, event, SETTING)
    assert (normalizer.counts.stored, normalizer.counts.rejected) == (2, 1)
    assert json.loads(normalizer.rejected[0].payload) == event
    assert normalizer.rejected[0].event_id == "shard:0:1"


def test_the_tenant_keys_of_the_settings_decide() -> None:
    rules = Rules("1", "r", tenant_keys=("shop",))
    (row,) = rows(taken(payload({**USAGE, "shop": "s-1"}), rules=rules), "usage_events")
    assert row["tenant"] == "s-1"
    assert row["properties"]["tenant"] == "acme"
