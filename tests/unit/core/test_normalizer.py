from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from feeding import ARRIVAL, GROUP, NOW_MS, REPORT, REQUEST, RULES, payload, read, rows, span, taken
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core.normalize import DAY_MS, Normalizer, Rules
from functions.core.schema import HOUR_MS, TABLES

MESSAGES = st.one_of(
    st.text(),
    st.sampled_from([REPORT, f"START RequestId: {REQUEST} Version: 1", f"END RequestId: {REQUEST}", "hello"]),
    st.builds(json.dumps, st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.floats(), st.none()))),
    st.builds(json.dumps, st.recursive(st.none() | st.integers() | st.text(), st.lists)),
    st.builds(
        lambda members: json.dumps(span(**members)),
        st.dictionaries(
            st.sampled_from(
                ["traceId", "kind", "startTimeUnixNano", "endTimeUnixNano", "status", "attributes", "links", "name"]
            ),
            st.recursive(
                st.none() | st.integers() | st.text() | st.floats() | st.booleans(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            ),
        ),
    ),
    st.builds(
        lambda members, kind: json.dumps({**kind, **members}),
        st.dictionaries(
            st.sampled_from(
                [
                    "level",
                    "message",
                    "status",
                    "httpMethod",
                    "Timestamp",
                    "x",
                    "record",
                    "time",
                    "tenant",
                    "service",
                    "path",
                ]
            ),
            st.recursive(
                st.none() | st.integers() | st.text() | st.floats() | st.booleans(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            ),
        ),
        st.sampled_from(
            [
                {},
                {"_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "x"}], "Dimensions": [["service"]]}]}},
                {"event_type": "usage", "feature": "f"},
                {"event_type": "webhook"},
                {"type": "platform.report", "record": {"requestId": REQUEST, "metrics": {"durationMs": 1}}},
                {"requestTime": "x", "status": 1, "path": "/a"},
                {"level": "ERROR", "stack": "Error: a"},
            ]
        ),
    ),
)
GROUPS = st.sampled_from([GROUP, "aws/spans", "/tracelake/main/normalize", "other"])
RECORDS = st.one_of(
    st.binary(),
    st.text().map(str.encode),
    st.binary().map(gzip.compress),
    st.builds(lambda group, messages: payload(*messages, group=group), GROUPS, st.lists(MESSAGES, max_size=6)),
    st.builds(lambda messages: "\n".join(messages).encode(), st.lists(MESSAGES, max_size=4)),
    st.builds(
        lambda events: json.dumps({"messageType": "DATA_MESSAGE", "logEvents": events}).encode(),
        st.lists(
            st.dictionaries(
                st.sampled_from(["id", "timestamp", "message", "extractedFields"]),
                st.none() | st.integers() | st.text(),
            )
            | st.none()
        ),
    ),
)


@given(st.lists(RECORDS, max_size=4), st.booleans())
@settings(derandomize=True, max_examples=300, deadline=None)
def test_whatever_comes_nothing_is_raised_and_every_event_is_accounted_for(
    records: list[bytes], from_stream: bool
) -> None:
    normalizer = Normalizer(RULES)
    for number, record in enumerate(records):
        normalizer.add(record, f"shard:{number}", NOW_MS if from_stream else None)
    parts = normalizer.flush("chunk")
    counts = normalizer.counts
    assert counts.events == counts.stored + counts.folded + counts.rejected + counts.sampled
    assert counts.rejected == len(normalizer.rejected)
    stored = set()
    for part in parts:
        part.rows.validate(full=True)
        assert part.rows.schema == TABLES[part.table].arrow_schema
        if TABLES[part.table].derived_from is None:
            stored.update(part.rows["event_id"].to_pylist())
    assert len(stored) <= counts.stored
    assert bool(stored) == bool(counts.stored)


@given(st.lists(MESSAGES, min_size=1, max_size=8), st.integers(0, 8))
@settings(derandomize=True, max_examples=150, deadline=None)
def test_an_event_has_the_same_key_time_and_hour_in_whatever_payload_it_comes(messages: list[str], cut: int) -> None:
    def keys(*records: bytes) -> dict[tuple[str, str, int], tuple[Any, str]]:
        return {
            (part.table, row["event_id"], row["row_no"]): (row["time"], part.hour)
            for part in taken(*records).flush("chunk")
            if TABLES[part.table].derived_from is None
            for row in part.rows.to_pylist()
        }

    cut = min(cut, len(messages))
    together = keys(payload(*messages))
    apart = keys(payload(*messages[:cut]), payload(*messages[cut:], first_id=cut, time_ms=NOW_MS + cut))
    # a START that stands alone only when its REPORT comes with another payload is a row then, else it is folded
    assert together.items() <= apart.items()
    assert all(table == "invocations" for table, _, _ in apart.keys() - together.keys())


def test_control_messages_hold_no_events_and_are_no_error() -> None:
    normalizer = taken(payload("CWL CONTROL MESSAGE: Checking health of destination.", messageType="CONTROL_MESSAGE"))
    assert (normalizer.counts.events, normalizer.rejected, normalizer.flush("c")) == (0, [], [])


def test_several_payloads_in_one_record_are_all_read() -> None:
    both = payload("one") + b"\n" + payload("two", first_id=1) + payload("", messageType="CONTROL_MESSAGE")
    assert [row["message"] for row in rows(taken(both), "logs")] == ["one", "two"]


def test_account_and_region_come_from_the_payload_the_extracted_fields_or_the_rules() -> None:
    whole = json.loads(payload("one", "two"))
    whole["logEvents"][1]["extractedFields"] = {"@aws.account": "222222222222", "@aws.region": "us-west-2"}
    first, second = rows(taken(json.dumps(whole).encode()), "logs")
    assert (first["account"], first["region"]) == ("111111111111", "eu-west-1")
    assert (second["account"], second["region"]) == ("222222222222", "us-west-2")


@pytest.mark.parametrize(
    ("written_ms", "clamped"),
    [
        (NOW_MS - 35 * DAY_MS, False),
        (NOW_MS - 35 * DAY_MS - 1, True),
        (NOW_MS + HOUR_MS, False),
        (NOW_MS + HOUR_MS + 1, True),
    ],
)
def test_a_time_absurdly_far_from_the_arrival_is_replaced_by_it_and_kept(written_ms: int, clamped: bool) -> None:
    (row,) = read("logs", "hello", time_ms=written_ms)
    assert (row["time"] == ARRIVAL) is clamped
    assert (row["event_time"] is not None) is clamped


@pytest.mark.parametrize("time", [10**18, -5, 10**30, "tomorrow", None])
def test_a_time_that_is_none_is_replaced_by_the_arrival(time: object) -> None:
    whole = json.loads(payload("hello"))
    whole["logEvents"][0]["timestamp"] = time
    (row,) = rows(taken(json.dumps(whole).encode()), "logs")
    assert row["time"] == ARRIVAL


@pytest.mark.parametrize(
    "record",
    [
        payload("line", group="/tracelake/main/normalize"),
        payload("line", group="/tracelake/other/compact"),
        payload("line", group="/aws/lambda/tracelake-main-normalize"),
        payload({"message": "m", "service": "tracelake-main"}),
        payload(span(resource={"attributes": {"service.name": "tracelake-main-normalize"}}), group="aws/spans"),
        payload({"_aws": {"CloudWatchMetrics": []}, "service": "tracelake-main"}),
    ],
    ids=["own log group", "of another stage", "Lambda's default group", "own log", "own span", "own metric"],
)
def test_what_this_product_writes_itself_is_refused_and_counted_so_that_no_loop_can_start(record: bytes) -> None:
    normalizer = taken(record)
    assert (normalizer.counts.events, normalizer.counts.rejected, normalizer.counts.loops) == (1, 1, 1)
    assert normalizer.rejected[0].reason.startswith("OwnEventError: ")
    assert normalizer.flush("c") == []


def test_a_rejected_log_event_can_be_put_on_the_stream_again_and_is_read_after_a_fix() -> None:
    normalizer = taken(payload("kept", span(traceId="broken"), group="aws/spans"))
    (rejected,) = normalizer.rejected
    assert (rejected.event_id, rejected.log_group, rejected.position) == ("e1", "aws/spans", "shard:0")
    again = Normalizer(RULES)
    again.add(rejected.payload, "shard:9", NOW_MS)
    assert (again.counts.events, again.rejected[0].event_id, again.rejected[0].reason) == (1, "e1", rejected.reason)
    whole = json.loads(gzip.decompress(rejected.payload))
    assert (whole["owner"], whole["logGroup"], len(whole["logEvents"])) == ("111111111111", "aws/spans", 1)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (gzip.compress(b"x", mtime=0)[:-1], "compressed data is cut off"),
        (b"\x00\xff\xfe binary", "neither compressed nor UTF-8 text"),
        (b"\xf3\x89\x9a\xc2 broken aggregate", "checksum of the aggregated record does not match"),
    ],
)
def test_a_record_that_cannot_be_opened_is_rejected_as_one_event_with_its_bytes(record: bytes, reason: str) -> None:
    normalizer = Normalizer(RULES)
    normalizer.add(record, "shard:1", NOW_MS)
    (rejected,) = normalizer.rejected
    assert (rejected.reason, rejected.payload, rejected.position) == (reason, record, "shard:1")
    assert (normalizer.counts.events, normalizer.counts.rejected) == (1, 1)


def test_a_bomb_is_rejected_within_its_bounds() -> None:
    normalizer = Normalizer(Rules("1", "r", max_decompressed_bytes=1000))
    normalizer.add(gzip.compress(b"a" * 100_000), "shard:1", NOW_MS)
    assert normalizer.rejected[0].reason == "decompresses to more than 1000 bytes"


def test_bytes_that_are_no_utf8_are_kept_as_escapes() -> None:
    (row,) = rows(taken(payload("MARK").replace(b"MARK", b"caf\xe9")), "logs")
    assert row["message"] == "caf\\xe9"


def test_an_event_of_a_payload_whose_members_are_odd_is_rejected_alone() -> None:
    whole = json.loads(payload("one", "two"))
    whole["logEvents"].insert(1, "no object")
    normalizer = taken(json.dumps(whole).encode())
    assert (normalizer.counts.stored, normalizer.counts.rejected) == (2, 1)
    assert normalizer.rejected[0].reason == "a log event that is no object"


def test_a_message_that_is_no_text_is_kept_as_json() -> None:
    whole = json.loads(payload("one"))
    whole["logEvents"][0]["message"] = [1, {"a": None}]
    (row,) = rows(taken(json.dumps(whole).encode()), "logs")
    assert row["message"] == '[1,{"a":null}]'


def test_rows_are_given_once_and_by_hour_while_counts_go_on() -> None:
    normalizer = taken(payload("one"), payload("two", time_ms=NOW_MS - HOUR_MS))
    assert normalizer.pending_bytes == normalizer.counts.raw_bytes > 0
    assert [(part.table, part.hour) for part in normalizer.flush("a")] == [
        ("logs", "2026-09-21-13"),
        ("logs", "2026-09-21-14"),
    ]
    assert normalizer.pending_bytes == 0
    assert normalizer.flush("b") == []
    normalizer.add(payload("three"), "shard:2", NOW_MS)
    assert normalizer.counts.stored == 3
    assert len(normalizer.flush("c")) == 1


def test_partial_aggregates_go_with_the_hour_of_their_rows() -> None:
    normalizer = taken(payload(span(), group="aws/spans"))
    (calls,) = [part for part in normalizer.flush("chunk") if part.table == "service_calls"]
    assert calls.hour == "2026-09-21-14"
    (row,) = calls.rows.to_pylist()
    assert (row["event_id"], row["caller"], row["callee"], row["calls"]) == ("chunk", "checkout", "AWS::DynamoDB", 1)
