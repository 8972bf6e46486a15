"""Stream records to rows of the lake: the one place where raw input is understood.

What an event is, what it is called and how it is accounted for stands in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from functions.core import decode, documents, rows, subscriptions, values
from functions.core.accounting import DAY_MS, Counts, Part, Rejected, Rules
from functions.core.context import Context, OwnEventError
from functions.core.derived import DERIVE
from functions.core.rows import Event
from functions.core.schema import HOUR_MS, TABLES, hour_of
from functions.core.sources import access_logs, emf, json_logs, lambda_platform, spans, text_logs
from functions.core.subscriptions import LogEvent, Subscription, payload_of, service_of
from functions.core.usage import application_events
from functions.core.usage.tenants import DEFAULT_TENANT_KEYS

__all__ = ["DAY_MS", "DEFAULT_TENANT_KEYS", "Counts", "Normalizer", "Part", "Rejected", "Rules"]

_NOT_TYPED = (msgspec.MsgspecError, UnicodeError, RecursionError)

# Arrow's own allocator hands memory back to the system after each batch and fetches it again; malloc keeps it
pa.set_memory_pool(pa.system_memory_pool())

SEAL_BYTES = 8 << 20


class Normalizer:
    """Reads stream records one after another and gives their rows by table and hour.

    ``counts`` and ``rejected`` grow until the Normalizer is thrown away; ``flush`` gives each row once.
    """

    def __init__(self, rules: Rules) -> None:
        self.counts = Counts()
        self.rejected: list[Rejected] = []
        self.pending_bytes = 0
        self._rules = rules
        self._context = Context(rules.tenant_keys, rules.own_services, rules.hash_key)
        self._unsealed_bytes = 0
        self._sealed: dict[str, list[pa.Table]] = {}
        self._earliest, self._latest = 0, values.MAX_TIME_MS
        self._arrival: int | None = None

    def add(self, data: bytes, position: str, arrival_ms: int | None) -> None:
        """Takes one stream record; never raises because of its content.

        ``position`` is ``<shard>:<sequence number>``; ``arrival_ms`` bounds times, None bounds them not.
        """
        self._bound_times(arrival_ms)
        try:
            payloads = decode.payloads(data, self._rules.max_decompressed_bytes)
        except decode.UnreadableError as error:
            self.counts.raw_bytes += len(data)
            self._reject(str(error), f"{position}:0", position, data)
            return
        number = 0
        for payload in payloads:
            self.counts.raw_bytes += len(payload)
            self.pending_bytes += len(payload)
            self._unsealed_bytes += len(payload)
            try:
                subscription = subscriptions.decode(payload)
            except _NOT_TYPED:
                number = self._add_documents(payload, position, number)
            else:
                self._add_subscription(subscription, position)
                number += 1
            if self._unsealed_bytes >= SEAL_BYTES:
                self._seal()

    def flush(self, chunk_id: str) -> list[Part]:
        """Rows since the last flush by table and hour, and the partial aggregates of them under ``chunk_id``."""
        self._seal()
        parts = []
        for table, pieces in self._sealed.items():
            parts += [Part(table, hour, piece) for hour, piece in _by_hour(rows.concatenated(pieces))]
        for name, derive in DERIVE.items():
            base = [part for part in parts if part.table == TABLES[name].derived_from]
            derived = [Part(name, part.hour, derive(part.rows, chunk_id)) for part in base]
            parts += [part for part in derived if part.rows.num_rows]
        self._sealed = {}
        self.pending_bytes = 0
        return parts

    def _seal(self) -> None:
        """Turns row tuples into Arrow, so that only few are alive at a time."""
        for table, tuples in self._context.rows.take().items():
            self._sealed.setdefault(table, []).append(rows.to_arrow(table, tuples, self._context.redactor))
        self._unsealed_bytes = 0

    def _bound_times(self, arrival_ms: int | None) -> None:
        self._arrival = arrival_ms
        if arrival_ms is None:
            self._earliest, self._latest = 0, values.MAX_TIME_MS
        else:
            self._earliest = arrival_ms - self._rules.max_event_age_ms
            self._latest = arrival_ms + HOUR_MS

    def _add_subscription(self, payload: Subscription, position: str) -> None:
        if payload.messageType == "CONTROL_MESSAGE":
            return
        group = payload.logGroup
        event = Event("", 0, None, "", "", group or None, payload.logStream or None, service_of(group), None)
        account, region = payload.owner or self._rules.account, self._rules.region
        log = lambda_platform.Payload()
        own, is_spans = self._is_own(group), group == spans.LOG_GROUP
        earliest, latest = self._earliest, self._latest
        refused = 0
        for entry in payload.logEvents:
            event.id, event.account, event.region = entry.id, account, region
            event.request_id = log.open_request
            try:
                if own:
                    raise OwnEventError(f"log event of own log group {group}")
                if entry.extractedFields:
                    event.account = values.name(entry.extractedFields.get("@aws.account")) or account
                    event.region = values.name(entry.extractedFields.get("@aws.region")) or region
                if is_spans:
                    self._read_span(event, entry.message, entry.timestamp)
                else:
                    time = entry.timestamp
                    if time is not None and earliest <= time <= latest:
                        event.time, event.event_time = time, None
                    else:
                        self._set_time(event, time)
                    self._read_line(event, entry.message, log)
            except MemoryError:
                raise
            except Exception as error:  # one bad event must stop nobody: it is kept, with the reason
                refused += 1
                self._refuse(error, position, entry.id, payload_of(payload, entry), group, payload.logStream)
        self._account_for(len(payload.logEvents), refused, event, log)

    def _add_documents(self, payload: bytes | bytearray, position: str, number: int) -> int:
        """Takes a payload that is not one well-formed subscription payload; returns the number after its last event."""
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            if payload.lstrip()[:1] not in (b"{", b"["):
                self._reject("neither compressed nor UTF-8 text", f"{position}:{number}", position, bytes(payload))
                return number + 1
            text = payload.decode(errors="surrogateescape")
        log = lambda_platform.Payload()
        event = Event("", 0, None, self._rules.account, self._rules.region, None, None, None, None)
        events = refused = 0
        for document, value in documents.split(text, self._rules.max_json_depth):
            if isinstance(value, dict) and "logEvents" in value and "messageType" in value:
                self._add_loose_subscription(value, position, number)
            else:
                events += 1
                event.id, event.request_id = f"{position}:{number}", log.open_request
                try:
                    self._read_document(event, documents.printable(document), value, log)
                except MemoryError:
                    raise
                except Exception as error:  # one bad event must stop nobody: it is kept, with the reason
                    refused += 1
                    self._refuse(error, position, event.id, document.encode(errors="surrogateescape"), "", "")
            number += 1
        self._account_for(events, refused, event, log)
        return number

    def _add_loose_subscription(self, payload: dict[str, Any], position: str, number: int) -> None:
        """Takes a subscription payload some of whose members have unexpected types."""
        entries = []
        found = payload["logEvents"]
        for index, entry in enumerate(found if isinstance(found, list) else [found]):
            event_id = f"{position}:{number}.{index}"
            if not isinstance(entry, dict):
                raw = documents.dump({**payload, "logEvents": [entry]})
                self._reject("a log event that is no object", event_id, position, raw)
                continue
            extracted = entry.get("extractedFields")
            entries.append(
                LogEvent(
                    values.name(entry.get("id")) or event_id,
                    values.time_ms(entry.get("timestamp")),
                    values.text(entry.get("message")) or "",
                    extracted if isinstance(extracted, dict) else None,
                )
            )
        members = (values.text(payload.get(name)) or "" for name in ("owner", "logGroup", "logStream"))
        self._add_subscription(Subscription(str(payload["messageType"]), entries, *members), position)

    def _account_for(self, events: int, refused: int, event: Event, log: lambda_platform.Payload) -> None:
        """Counts the events of a payload, after its unfinished STARTs have become rows."""
        lambda_platform.unfinished(event, log, self._context)
        counts = self.counts
        counts.events += events
        counts.rejected += refused
        counts.folded += log.folded
        counts.stored += events - refused - log.folded

    def _read_line(self, event: Event, line: str, log: lambda_platform.Payload) -> None:
        if line.startswith("{"):
            try:
                value = documents.parse(line, self._rules.max_json_depth)
            except documents.NotJsonError:
                value = line
            if type(value) is dict:
                self._read_object(event, line, value, log)
                return
        if lambda_platform.read_text(event, line, log, self._context):
            return
        text_logs.read(event, line, log, self._context)

    def _read_object(self, event: Event, text: str, line: dict[str, Any], log: lambda_platform.Payload) -> None:
        context = self._context
        if _SPECIAL.isdisjoint(line):
            json_logs.read(event, line, context)
        elif "_aws" in line:
            header = line["_aws"]
            self._set_own_time(event, header.get("Timestamp") if isinstance(header, dict) else None)
            emf.read(event, line, context)
        elif application_events.is_application_event(line):
            self._set_own_time(event, line.get("time"))
            event.id = application_events.own_id(line) or event.id
            application_events.read(event, line, context)
        elif lambda_platform.is_platform_record(line):
            if not lambda_platform.read_json(event, line, log, context):
                json_logs.read(event, lambda_platform.as_log(line), context, lambda_platform.SOURCE)
        elif spans.is_span(line):
            self._read_span(event, text, event.time)
        elif access_logs.is_access_log(line):
            access_logs.read(event, line, context)
        else:
            json_logs.read(event, line, context)

    def _read_span(self, event: Event, text: str, logged_at: int | None) -> None:
        try:
            span = spans.decode(text)
        except _NOT_TYPED:
            self._set_time(event, logged_at)
            text_logs.read(event, text, lambda_platform.Payload(), self._context)
            return
        start = spans.nanos(span.startTimeUnixNano)
        self._set_time(event, logged_at if start is None else start // 1_000_000)
        spans.read(event, span, start, self._context)

    def _read_document(self, event: Event, text: str, value: Any, log: lambda_platform.Payload) -> None:
        """Reads an event that came without CloudWatch's envelope: its time is in it, or is its arrival."""
        own_time = next((value[name] for name in _TIME_NAMES if name in value), None) if type(value) is dict else None
        self._set_time(event, values.time_ms(own_time))
        if type(value) is dict:
            self._read_object(event, text, value, log)
        else:
            self._read_line(event, text, log)

    def _set_time(self, event: Event, time: int | None) -> None:
        """Sets the event's time, or its arrival where the time is absurd or missing."""
        event.event_time = None
        if time is not None and self._earliest <= time <= self._latest:
            event.time = time
            return
        event.time = self._arrival or 0
        event.event_time = None if time is None else min(max(time, 0), values.MAX_TIME_MS)

    def _set_own_time(self, event: Event, written: Any) -> None:
        """Prefers the time in the event's content, where there is one, to the time it was logged."""
        time = values.time_ms(written) if written is not None else None
        if time is not None:
            self._set_time(event, time)

    def _is_own(self, log_group: str) -> bool:
        rules = self._rules
        return log_group.startswith((rules.own_log_groups, f"/aws/lambda/{rules.own_services}"))

    def _reject(self, reason: str, event_id: str, position: str, payload: bytes) -> None:
        """Refuses what is an event of its own, and counts it."""
        self.counts.events += 1
        self.counts.rejected += 1
        self.rejected.append(Rejected(reason, position, event_id, "", "", payload))

    def _refuse(
        self, error: Exception, position: str, event_id: str, payload: bytes, log_group: str, log_stream: str
    ) -> None:
        """Keeps an event that was counted already."""
        if isinstance(error, OwnEventError):
            self.counts.loops += 1
        reason = f"{type(error).__name__}: {error}"
        self.rejected.append(Rejected(reason, position, event_id, log_group, log_stream, payload))


_SPECIAL = frozenset({"_aws", "event_type", "record", "spanId", *access_logs.GATEWAY_ONLY})
"""Members one of which every JSON line has that is more than a log line."""

_TIME_NAMES = ("time", "timestamp", "@timestamp", "Timestamp", "requestTimeEpoch", "requestTime", "ts")


def _by_hour(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Rows of each hour; all at once where there is only one, which is the rule."""
    hours = pc.divide(pc.cast(table["time"], pa.int64()), HOUR_MS)
    different = sorted(pc.unique(hours).to_pylist())
    for hour in different:
        yield hour_of(hour * HOUR_MS), table if len(different) == 1 else table.filter(pc.equal(hours, hour))
