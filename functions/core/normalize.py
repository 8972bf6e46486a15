"""Stream records to rows of the lake: the one place where raw input is understood.

What an event is, what it is called and how it is accounted for stands in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, groupby, starmap
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from functions.core import decode, documents, loose_json, rows, sampling, subscriptions, values
from functions.core.accounting import DAY_MS, Counts, Part, Rejected, Rules
from functions.core.context import Context, OwnEventError
from functions.core.derived import DERIVE
from functions.core.meaning.formats import Line
from functions.core.meaning.meaning import standard
from functions.core.piles import Reader
from functions.core.redaction import Redactor
from functions.core.rows import Event, Place
from functions.core.schema import HOUR_MS, TABLES, hour_of
from functions.core.shapes import Names
from functions.core.sources import (
    access_logs,
    deployments,
    emf,
    environment,
    gateway_text,
    json_logs,
    lambda_platform,
    line_formats,
    metric_streams,
    otlp,
    own_formats,
    performance,
    spans,
    step_functions,
    text_logs,
    xray,
)
from functions.core.subscriptions import LogEvent, Subscription, payload_of, service_of
from functions.core.usage import application_events
from functions.core.usage.tenants import DEFAULT_TENANT_KEYS

__all__ = ["DAY_MS", "DEFAULT_TENANT_KEYS", "Counts", "Normalizer", "Part", "Rejected", "Rules"]

_NOT_TYPED = (msgspec.MsgspecError, UnicodeError, RecursionError)

# Arrow's own allocator hands memory back to the system after each batch and fetches it again; malloc keeps it
pa.set_memory_pool(pa.system_memory_pool())

READ_BYTES = 512 << 10
"""Raw bytes after which waiting events become arrays: as many objects as a processor's cache holds."""
READ_AT_LEAST = 200
"""Rows of a kind of which it pays to make arrays."""

SEAL_BYTES = 16 << 20
"""Raw bytes after which arrays are looked through for secrets."""


class Normalizer:
    """Reads stream records one after another and gives their rows by table and hour.

    ``counts``, ``volumes`` and ``rejected`` grow until the Normalizer is thrown away; ``flush`` gives each row once.
    ``redactor`` is one that tells what it does, in place of the usual one.
    """

    def __init__(self, rules: Rules, redactor: Redactor | None = None) -> None:
        self.pending_bytes = 0
        self.volumes = sampling.Volumes()
        self._rules = rules
        self._counts = Counts()
        self._rejected: list[Rejected] = []
        meaning = rules.meaning or standard(rules.tenant_keys)
        meaning.watch.begin_batch()
        self._context = Context(meaning, rules.own_services, rules.hash_key, redactor)
        self._unread_bytes = self._unsealed_bytes = 0
        self._unsealed: dict[str, list[rows.Arrays]] = {}
        self._sealed: dict[str, list[pa.Table]] = {}
        self._earliest, self._latest = 0, values.MAX_TIME_MS
        self._arrival: int | None = None

    @property
    def counts(self) -> Counts:
        self._context.read_piles(self._refuse_stored)
        return self._counts

    @property
    def rejected(self) -> list[Rejected]:
        self._context.read_piles(self._refuse_stored)
        return self._rejected

    def add(self, data: bytes, position: str, arrival_ms: int | None) -> None:
        """Takes one stream record; never raises because of its content.

        ``position`` is ``<shard>:<sequence number>``; ``arrival_ms`` bounds times, None bounds them not.
        """
        self._bound_times(arrival_ms)
        try:
            payloads = decode.payloads(data, self._rules.max_decompressed_bytes)
        except decode.UnreadableError as error:
            self._counts.raw_bytes += len(data)
            self._reject(str(error), f"{position}:0", position, data)
            return
        number = 0
        for payload in payloads:
            self._counts.raw_bytes += len(payload)
            self.pending_bytes += len(payload)
            self._unread_bytes += len(payload)
            try:
                subscription = subscriptions.decode(payload)
            except _NOT_TYPED:
                number = self._add_documents(payload, position, number)
            else:
                self._add_subscription(subscription, position)
                self.volumes.raw[subscription.logGroup] += len(payload)
                number += 1
            if self._unread_bytes >= READ_BYTES:
                self._read(READ_AT_LEAST)
        if self._unsealed_bytes >= SEAL_BYTES:
            self._seal()

    def add_piece(self, piece: bytes, position: str, place: Place, arrival_ms: int, columns: Any = None) -> Any:
        """Takes some lines of a log file; never raises because of their content.

        Events are named ``<position>:<number>``. ``columns`` are those that a header line in the pieces before named;
        returns those for the next piece.
        """
        self._bound_times(arrival_ms)
        self._counts.raw_bytes += len(piece)
        self.volumes.raw[place.log_group or ""] += len(piece)
        self.pending_bytes += len(piece)
        log = environment.Payload(columns=columns)
        self._add_documents(piece, position, 0, place, log)
        self._seal()
        return log.columns

    def refuse(self, reason: str, position: str, place: Place, payload: bytes) -> None:
        """Counts what cannot be read as one refused event."""
        self._counts.events += 1
        self._counts.rejected += 1
        self._rejected.append(
            Rejected(reason, position, f"{position}:0", place.log_group or "", place.log_stream or "", payload)
        )

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
        self._counts.redacted += self._context.redactor.changed()
        self.pending_bytes = 0
        return parts

    def _read(self, least: int = 1) -> None:
        """Turns what waits into arrays, so that only few Python objects are alive at a time; what there is less than
        ``least`` of may wait, for each array has its price."""
        context = self._context
        context.read_piles(self._refuse_stored, least)
        for table, columns in context.rows.take(least).items():
            self._unsealed.setdefault(table, []).append(rows.Arrays(table, columns, context.redactor))
        self._unsealed_bytes += self._unread_bytes
        self._unread_bytes = 0

    def _seal(self) -> None:
        """Turns the arrays into tables without secrets, and without the lines that the plan leaves out."""
        self._read()
        hiding, redactor = self._context.meaning.hiding, self._context.redactor
        for table, pieces in rows.without_secrets(self._unsealed).items():
            kept = map(self._thinned, pieces) if table == "logs" else pieces
            shown = (hiding.table(table, piece, redactor) for piece in kept) if hiding else kept
            self._sealed.setdefault(table, []).extend(shown)
        self._unsealed, self._unsealed_bytes = {}, 0

    def _thinned(self, logs: pa.Table) -> pa.Table:
        """Without the lines that the plan leaves out, each of which is an event of its own."""
        if self._rules.plan is None:
            return logs
        kept = sampling.thinned(logs, self._rules.plan, self.volumes)
        self._counts.stored -= logs.num_rows - kept.num_rows
        self._counts.sampled += logs.num_rows - kept.num_rows
        return kept

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
        group, rules = payload.logGroup, self._rules
        place = Place(
            payload.owner or rules.account,
            rules.region,
            group or None,
            payload.logStream or None,
            service_of(group, payload.logStream),
            position,
        )
        log = environment.Payload()
        events = self._events(payload.logEvents, place)
        if self._is_own(group):
            refused = self._one_by_one(_refuse_own, zip(events))
        elif group == spans.LOG_GROUP:
            refused = self._add_spans(events)
        else:
            others, refused = self._without_own_lines(group, events)
            refused += self._add_lines(others, log)
        self._account_for(len(events), refused, place, log)

    def _events(self, entries: Sequence[LogEvent], place: Place) -> list[Event]:
        times = [entry.timestamp for entry in entries]
        found = [Event(entry.id, entry.timestamp or 0, None, place, entry, entry.message) for entry in entries]
        known = [time for time in times if time is not None]
        if len(known) < len(times) or (known and (min(known) < self._earliest or max(known) > self._latest)):
            for event, time in zip(found, times, strict=True):
                self._set_time(event, time)
        for event, entry in zip(found, entries, strict=True):
            if entry.extractedFields:
                event.place = _place_of(entry, place)
        return found

    def _one_by_one(self, read: Callable[..., object], arguments: Iterable[tuple[Any, ...]]) -> int:
        """Reads events, each the first of some arguments; returns how many had to be refused."""
        refused = 0
        for each in arguments:
            try:
                read(*each)
            except MemoryError:
                raise
            except Exception as error:  # one bad event must stop nobody: it is kept, with the reason
                refused += 1
                self._refuse(each[0], error)
        return refused

    def _add_spans(self, events: Sequence[Event]) -> int:
        """Takes the events of the log group of spans; returns how many were refused."""
        try:
            found = [spans.decode(event.line) for event in events]
            attributes, texts = spans.attributes_of_all(found)
        except MemoryError:
            raise
        except Exception:  # only those at fault are read otherwise, or refused
            return self._one_by_one(self._read_span, zip(events))
        for event, span, text, start in zip(events, found, texts, spans.start_times(found), strict=True):
            event.line = text
            if start is not None and self._earliest <= start <= self._latest:
                event.time, event.event_time = start, None
            else:
                self._set_start(event, span)
        for numbers in _alike(attributes).values():
            self._context.pile(spans.READER, attributes[numbers[0]]).extend(
                map(events.__getitem__, numbers), map(attributes.__getitem__, numbers), map(found.__getitem__, numbers)
            )
        return 0

    def _add_lines(self, events: Sequence[Event], log: environment.Payload) -> int:
        """Takes events of any other log group; returns how many were refused.

        Lines that are objects of members that say what they are, as nearly all are, are taken together.
        """
        found = documents.objects([event.line for event in events], self._rules.max_json_depth)
        together: dict[Names, tuple[Taker | None, list[Event], list[dict[str, Any]]]] = {}
        refused = 0
        for event, value in zip(events, found, strict=True):
            event.request_id = log.open_request
            if type(value) is not dict:
                refused += self._one_by_one(self._read_line, ((event, log),))
                continue
            names = tuple(value)
            alike = together.get(names)
            if alike is None:
                alike = together[names] = (self._taker_of(names), [], [])
            if alike[0] is None:
                refused += self._one_by_one(self._read_object, ((event, value, log),))
            else:
                alike[1].append(event)
                alike[2].append(value)
        return refused + sum(take(those, objects) for take, those, objects in together.values() if take)

    def _taker_of(self, names: Names) -> Taker | None:
        """What takes all JSON lines with these members, where the names alone say what they are."""
        special = _SPECIAL.intersection(names)
        if not special:
            return partial(self._pile, json_logs.READER)
        if special == _METRICS:
            return self._add_metrics
        if special <= access_logs.GATEWAY_ONLY and access_logs.is_access_log(dict.fromkeys(names)):
            return partial(self._pile, access_logs.READER)
        return None

    def _pile(self, reader: Reader, events: Sequence[Event], objects: Sequence[dict[str, Any]]) -> int:
        self._context.pile(reader, objects[0]).extend(events, objects)
        return 0

    def _add_metrics(self, events: Sequence[Event], objects: Sequence[dict[str, Any]]) -> int:
        return self._one_by_one(self._read_metrics, zip(events, objects, strict=True))

    def _add_documents(
        self,
        payload: bytes | bytearray,
        position: str,
        number: int,
        place: Place | None = None,
        log: environment.Payload | None = None,
    ) -> int:
        """Takes a payload that is not one well-formed subscription payload; returns the number after its last event."""
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            is_text = place is not None and b"\0" not in payload
            if not is_text and payload.lstrip()[:1] not in (b"{", b"["):
                self._reject("neither compressed nor UTF-8 text", f"{position}:{number}", position, bytes(payload))
                return number + 1
            text = payload.decode(errors="surrogateescape")
        log = log or environment.Payload()
        place = place or Place(self._rules.account, self._rules.region, position=position)
        events = refused = 0
        for document, value in self._documents(text, place):
            if isinstance(value, dict) and "logEvents" in value and "messageType" in value:
                self._add_loose_subscription(value, position, number)
            else:
                events += 1
                line = documents.printable(document)
                event = Event(f"{position}:{number}", 0, None, place, document, line, log.open_request)
                try:
                    self._read_document(event, value, log)
                except MemoryError:
                    raise
                except Exception as error:  # one bad event must stop nobody: it is kept, with the reason
                    refused += 1
                    self._refuse(event, error)
            number += 1
        self._account_for(events, refused, place, log)
        return number

    def _documents(self, text: str, place: Place) -> Iterator[tuple[str, Any]]:
        """The documents that follow one another in a text, each with its value: for a line of the user's own formats,
        where a file has some, that is the Line."""
        formats = self._context.meaning.formats
        of_file = formats.of(f"{place.log_group}/{place.log_stream}") if place.log_group else ()
        lines = text.split("\n") if of_file else [text]
        shown = (documents.printable(line.rstrip("\r")) for line in lines)
        found = formats.lines(of_file, list(shown)) if of_file else [None]
        for is_own, those in groupby(zip(lines, found, strict=True), lambda each: each[1] is not None):
            if is_own:
                yield from ((line.rstrip("\r"), own) for line, own in those)
            else:
                rest = "\n".join(line for line, _ in those)
                split = documents.split(rest, self._rules.max_json_depth)
                yield from chain.from_iterable(starmap(documents.records, split))

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

    def _account_for(self, events: int, refused: int, place: Place, log: environment.Payload) -> None:
        """Counts the events of a payload, after its unfinished STARTs and its last error have become rows."""
        text_logs.close(log, self._context)
        lambda_platform.unfinished(place, log, self._context)
        counts = self._counts
        counts.events += events
        counts.rejected += refused
        counts.folded += log.folded
        counts.stored += events - refused - log.folded

    def _without_own_lines(self, group: str, events: Sequence[Event]) -> tuple[Sequence[Event], int]:
        """Takes lines of the user's own formats, where a log group has some; returns the other events, and how many
        were refused."""
        meaning = self._context.meaning
        formats = meaning.formats.of(group)
        if not formats:
            return events, 0
        found = meaning.formats.lines(formats, [event.line for event in events])
        own = [(event, line) for event, line in zip(events, found, strict=True) if line is not None]
        others = [event for event, line in zip(events, found, strict=True) if line is None]
        return others, self._one_by_one(self._read_own_line, own)

    def _read_own_line(self, event: Event, line: Line) -> None:
        self._set_own_time(event, line.fields.get("time"))
        own_formats.read(event, line, self._context)

    def _read_line(self, event: Event, log: environment.Payload) -> None:
        line = event.line
        if line.startswith("{"):
            value = self._parse(event)
            if type(value) is dict:
                self._read_object(event, value, log)
                return
            document = xray.without_header(line)
            if document is not None:
                event.line = document
                self._read_line(event, log)
                return
        if lambda_platform.read_text(event, line, log, self._context):
            return
        # functions print none of these but, now and then, the common log format of a web framework
        if (event.place.service is None or '] "' in line) and self._read_fields(event, log):
            return
        value = text_logs.json_of(event, self._rules.max_json_depth)
        if value is not None:
            self._read_object(event, value, log)
        else:
            text_logs.read(event, line, log, self._context)

    def _read_fields(self, event: Event, log: environment.Payload) -> bool:
        """Takes a line that is fields in a row, or the header of such lines; False for all others."""
        if (fields := line_formats.recognised(event.line, log)) is not None:
            if fields.fields:
                self._set_own_time(event, fields.time)
                line_formats.read(event, fields, self._context)
            else:
                log.folded += 1
            return True
        if (request := gateway_text.recognised(event.line, event.place.service is not None)) is not None:
            self._set_own_time(event, request.get("requestTimeEpoch") or request.get("requestTime"))
            event.line = values.text(request) or ""
            self._context.add(access_logs.READER, event, request)
            return True
        return False

    def _parse(self, event: Event) -> Any:
        """The value of a line that may be JSON, else None; what was JSON only nearly is written anew."""
        try:
            return documents.parse_strictly(event.line, self._rules.max_json_depth)
        except documents.NotJsonError:
            return None
        except _NOT_TYPED:
            pass
        try:
            value = documents.parse_leniently(event.line)
        except documents.NotJsonError:
            value = loose_json.salvaged(event.line, self._rules.max_json_depth)
            if value is None:
                return None
        event.line = values.text(value) or ""
        return value

    def _read_object(self, event: Event, line: dict[str, Any], log: environment.Payload) -> None:
        context = self._context
        if _SPECIAL.isdisjoint(line):
            context.add(json_logs.READER, event, line)
        elif "_aws" in line:
            self._read_metrics(event, line)
        elif not performance.MEMBERS.isdisjoint(line) and performance.is_event(line):
            header = performance.header_of(line)
            self._set_own_time(event, header["Timestamp"])
            context.add(emf.READER, event, line, header)
        elif "metric_stream_name" in line:
            self._set_own_time(event, line.get("timestamp"))
            metric_streams.read(event, line, context)
        elif application_events.is_application_event(line):
            self._set_own_time(event, line.get("time"))
            event.id = application_events.own_id(line) or event.id
            application_events.read(event, line, context)
        elif lambda_platform.is_platform_record(line):
            if not lambda_platform.read_json(event, line, log, context):
                context.add(lambda_platform.LOG_READER, event, lambda_platform.as_log(line))
        elif spans.is_span(line):
            self._read_span(event)
        elif access_logs.is_access_log(line):
            context.add(access_logs.READER, event, line)
        elif not (self._read_spans(event, line, log) or deployments.read(event, line, context, self._set_own_time)):
            context.add(json_logs.READER, event, line)

    def _read_metrics(self, event: Event, line: dict[str, Any]) -> None:
        header = line.pop("_aws")
        if performance.MARK in event.line:
            header = performance.completed(line, header)
        self._set_own_time(event, header.get("Timestamp") if isinstance(header, dict) else None)
        self._context.add(emf.READER, event, line, header)

    def _read_spans(self, event: Event, line: dict[str, Any], log: environment.Payload) -> bool:
        """Reads a document that may hold several spans, or OTLP's log records; False where it holds none."""
        context, set_time, found = self._context, self._set_time, False
        if "resourceSpans" in line:
            found = otlp.read_traces(event, context, set_time)
        elif "resourceLogs" in line:
            found = otlp.read_logs(event, line, context, set_time)
        elif step_functions.is_log(line):
            found = step_functions.read_log(event, line, log.executions, context, set_time)
        elif step_functions.is_history(line):
            found = step_functions.read_history(event, line, context, set_time)
        elif otlp.is_sdk_span(line):
            found = otlp.read_sdk_span(event, line, context, set_time)
        elif xray.is_segment(line) or not xray.API_MEMBERS.isdisjoint(line):
            found = xray.read(event, line, context, set_time)
        return found

    def _read_span(self, event: Event) -> None:
        try:
            span = spans.decode(event.line)
        except _NOT_TYPED:
            text_logs.read_alone(event, event.line, self._context)
            return
        attributes, event.line = spans.attributes_of(span)
        self._set_start(event, span)
        self._context.add(spans.READER, event, attributes, span)

    def _set_start(self, event: Event, span: spans.Span) -> None:
        """Sets the event's time to the start of its span, where that is known."""
        start = spans.nanos(span.startTimeUnixNano)
        if start is not None:
            time = start // 1_000_000
            if self._earliest <= time <= self._latest:
                event.time, event.event_time = time, None
            else:
                self._set_time(event, time)

    def _read_document(self, event: Event, value: Any, log: environment.Payload) -> None:
        """Reads an event that came without CloudWatch's envelope: its time is in it, or is its arrival."""
        own_time = next((value[name] for name in _TIME_NAMES if name in value), None) if type(value) is dict else None
        self._set_time(event, values.time_ms(own_time))
        if type(value) is dict:
            self._read_object(event, value, log)
        elif type(value) is Line:
            self._read_own_line(event, value)
        else:
            self._read_line(event, log)

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
        self._counts.events += 1
        self._counts.rejected += 1
        self._rejected.append(Rejected(reason, position, event_id, "", "", payload))

    def _refuse_stored(self, event: Event, error: Exception) -> None:
        """Refuses an event that was counted as stored when it came on its pile."""
        self._counts.stored -= 1
        self._counts.rejected += 1
        self._refuse(event, error)

    def _refuse(self, event: Event, error: Exception) -> None:
        """Keeps an event that was counted already."""
        if isinstance(error, OwnEventError):
            self._counts.loops += 1
        place, origin = event.place, event.origin
        group, stream = place.log_group or "", place.log_stream or ""
        if isinstance(origin, LogEvent):
            payload = payload_of(place.account, group, stream, origin)
            event_id = origin.id
        else:
            payload, event_id = origin.encode(errors="surrogateescape"), event.id
        reason = f"{type(error).__name__}: {error}"
        self._rejected.append(Rejected(reason, place.position, event_id, group, stream, payload))


_SPECIAL = frozenset(
    {"_aws", "event_type", "record", "spanId", "metric_stream_name", *performance.MEMBERS, *access_logs.GATEWAY_ONLY}
    | {"resourceSpans", "resourceLogs", "start_time", *xray.API_MEMBERS, "execution_arn", "events"}
    | deployments.MEMBERS
)
"""Members one of which every JSON line has that is more than a log line."""

_METRICS = frozenset({"_aws"})
Taker = Callable[[Sequence[Event], Sequence[dict[str, Any]]], int]
"""Takes events with their objects, all of the same members; returns how many of them were refused."""

_TIME_NAMES = ("time", "timestamp", "@timestamp", "Timestamp", "requestTimeEpoch", "requestTime", "eventTime", "ts")


def _alike(objects: Iterable[dict[str, Any]]) -> dict[Names, list[int]]:
    """Numbers of the objects by the names of their members."""
    found: dict[Names, list[int]] = {}
    for number, names in enumerate(map(tuple, objects)):
        found.setdefault(names, []).append(number)
    return found


def _refuse_own(event: Event) -> None:
    raise OwnEventError(f"log event of own log group {event.place.log_group}")


def _place_of(entry: LogEvent, place: Place) -> Place:
    """Where an event comes from that names its account and region itself."""
    extracted = entry.extractedFields or {}
    account, region = (values.name(extracted.get(name)) for name in ("@aws.account", "@aws.region"))
    return msgspec.structs.replace(place, account=account or place.account, region=region or place.region)


def _by_hour(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Rows of each hour; all at once where there is only one, which is the rule."""
    hours = pc.divide(pc.cast(table["time"], pa.int64()), HOUR_MS)
    different = sorted(pc.unique(hours).to_pylist())
    for hour in different:
        yield hour_of(hour * HOUR_MS), table if len(different) == 1 else table.filter(pc.equal(hours, hour))
