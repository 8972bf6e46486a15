"""Records that the event source gave up, and how they enter the ledger."""

from __future__ import annotations

import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.aws import environment
from functions.aws.dead_letters import DeadLetter, DeadLetters
from functions.aws.items import ConditionLostError
from functions.aws.lake import Lake
from functions.aws.state import Commit, Position, Range, State
from functions.core.ledger import ledger_row
from functions.core.schema import hour_of

WRITER = "record_poison"

ATTEMPTS = 10
"""`normalize` may commit later batches of the shard at the same time."""


class NotAnInvocationRecordError(ValueError):
    """The object is not what Lambda writes to a failure destination, or holds no records."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """One object of the failure destination: why and when, and the records as the function got them.

    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """

    key: str
    reason: str
    at_ms: int
    stream_arn: str
    shard: str
    records: Sequence[tuple[str, bytes]]

    @classmethod
    def parse(cls, key: str, document: Mapping[str, Any]) -> GivenUp:
        """From Lambda's invocation record; ``payload`` is the function's event as JSON text."""
        try:
            event = json.loads(document["payload"])
            error = (document.get("responseContext") or {}).get("functionError") or "no answer"
            found = cls(
                key=key,
                reason=f"given up by the event source: {document['requestContext']['condition']} ({error})",
                at_ms=int(datetime.fromisoformat(document["timestamp"]).timestamp() * 1000),
                stream_arn=document["KinesisBatchInfo"]["streamArn"],
                shard=document["KinesisBatchInfo"]["shardId"],
                records=[
                    (record["kinesis"]["sequenceNumber"], binascii.a2b_base64(record["kinesis"]["data"]))
                    for record in event["Records"]
                ],
            )
        except (KeyError, TypeError, ValueError) as error_:
            raise NotAnInvocationRecordError(f"{key}: {error_!r}") from error_
        if not found.records:
            raise NotAnInvocationRecordError(f"{key}: no records")
        return found

    @property
    def commit_id(self) -> str:
        """The same for the same object, so that it cannot be committed twice."""
        return f"poison-{hashlib.sha256(self.key.encode()).hexdigest()[:32]}"


@dataclass
class Recorder:
    """Commits given-up records as rejected."""

    state: State
    lake: Lake
    dead_letters: DeadLetters

    def record(self, given_up: GivenUp) -> int:
        """Commit those records that no commit has taken, and return how many.

        A record can be given up although its last attempt did commit it (the answer was lost): that one is stored.
        Raises ``ConditionLostError`` where other commits came in between ten times.
        """
        stream = given_up.stream_arn.split("stream/")[-1]
        for _ in range(ATTEMPTS):
            if self.state.is_committed(hour_of(given_up.at_ms), given_up.commit_id):
                return 0
            position = self.state.position(stream, given_up.shard)
            runs = self._open_runs(given_up, stream, position)
            if not runs:
                return 0
            try:
                self.state.commit_rejected(self._commit(given_up, stream, runs), position)
            except ConditionLostError:
                continue
            return sum(map(len, runs))
        raise ConditionLostError(f"{given_up.key}: the shard's position never stood still")

    def _open_runs(self, given_up: GivenUp, stream: str, position: Position) -> list[list[tuple[str, bytes]]]:
        """Stretches of consecutive records that no commit has taken."""
        runs: list[list[tuple[str, bytes]]] = [[]]
        for sequence, data in given_up.records:
            if position.is_past(sequence) and self.state.is_covered(stream, given_up.shard, sequence):
                runs.append([])
            else:
                runs[-1].append((sequence, data))
        return [run for run in runs if run]

    def _commit(self, given_up: GivenUp, stream: str, runs: Sequence[Sequence[tuple[str, bytes]]]) -> Commit:
        hour, records = hour_of(given_up.at_ms), [record for run in runs for record in run]
        letters = [
            DeadLetter(given_up.reason, f"{given_up.shard}:{number}", f"{given_up.shard}:{number}:0", "", "", data)
            for number, data in records
        ]
        attempt = environment.new_id(environment.now_ms())
        letters_key = self.dead_letters.write(hour, given_up.commit_id, attempt, letters)
        region, account = given_up.stream_arn.split(":")[3:5]
        place = {
            "account": account,
            "region": region,
            "writer": WRITER,
            "stream": stream,
            "shard": given_up.shard,
            "first_position": records[0][0],
            "last_position": records[-1][0],
        }
        counts = {
            "records": len(records),
            "duplicates": len(given_up.records) - len(records),
            "events": len(records),
            "stored": 0,
            "folded": 0,
            "rejected": len(records),
            "sampled": 0,
            "raw_bytes": sum(len(data) for _, data in records),
        }
        ledger = ledger_row(given_up.commit_id, given_up.at_ms, place, counts, [], lag_ms=0.0)
        return Commit(
            id=given_up.commit_id,
            at_ms=given_up.at_ms,
            hour=hour,
            writer=WRITER,
            stream=stream,
            shard=given_up.shard,
            ranges=[Range(run[0][0], run[-1][0]) for run in runs],
            counts=counts,
            files=self.lake.write_hot(f"{given_up.commit_id}.{attempt}", [("ingest_ledger", hour, ledger)]),
            dead_letters=[letters_key],
        )
