"""The state table, writers' side: positions of shards, commits, unpublished files, the month's secret.

docs/architecture.md lists the items. The side of `compact` is in `generations`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from functions.aws import environment, items
from functions.aws.items import ConditionLostError
from functions.core.lake_files import LakeFile, to_plain

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

DAY_S = 86_400
COMMIT_LIFE_S = 90 * DAY_S
RANGE_LIFE_S = 30 * DAY_S
SECRET_LIFE_S = 90 * DAY_S
HOURS_IN_TRANSACTION = 80
"""A transaction takes 100 items; the rest are position, commit and ranges."""


@dataclass(frozen=True, slots=True)
class Range:
    """Records of a shard, first to last sequence number, both included."""

    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Position:
    """How far a shard is committed; ``rejections`` counts what `record_poison` committed there."""

    committed: str = ""
    rejections: int = 0

    def is_past(self, sequence: str) -> bool:
        """Whether nobody can commit this record any more: somebody has, or it was left out for ever."""
        return padded(sequence) <= self.committed


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: which records of which shard it takes, what it counted and the files that hold its rows."""

    id: str
    at_ms: int
    hour: str
    writer: str
    stream: str
    shard: str
    ranges: Sequence[Range]
    counts: dict[str, int]
    files: Sequence[LakeFile]
    dead_letters: Sequence[str] = field(default=())


class State:
    """The state table for those who commit."""

    def __init__(self, table: str) -> None:
        self.table = table

    def position(self, stream: str, shard: str) -> Position:
        """How far the shard is committed now."""
        item = items.get(self.table, f"shard#{stream}", shard)
        if item is None:
            return Position()
        return Position(item["committed"]["S"], int(item["rejections"]["N"]) if "rejections" in item else 0)

    def commit_batch(self, commit: Commit, forget_at_s: int | None = None) -> None:
        """Commit consecutive records of a shard, if nothing at or behind their first is committed yet.

        ``forget_at_s`` is when the position may go, for what has an end.
        Raises ``ConditionLostError`` where another attempt was faster: then nothing has been committed.
        """
        (taken,) = commit.ranges
        position = items.update(
            self.table,
            f"shard#{commit.stream}",
            commit.shard,
            {"committed": padded(taken.last)} | ({"expires_at": forget_at_s} if forget_at_s else {}),
            "attribute_not_exists(#committed) OR #committed < :first",
            first=padded(taken.first),
        )
        self._commit(commit, position)

    def commit_rejected(self, commit: Commit, read: Position) -> None:
        """Commit records that the event source gave up, if the position still is as it was read.

        The position moves past them, so that no attempt that is still alive can commit them as well.
        """
        last = max(padded(taken.last) for taken in commit.ranges)
        condition = "#committed = :committed" if read.committed else "attribute_not_exists(#committed)"
        values: dict[str, Any] = {"committed": read.committed} if read.committed else {}
        if read.rejections:
            condition += " AND #rejections = :rejections"
            values["rejections"] = read.rejections
        else:
            condition += " AND attribute_not_exists(#rejections)"
        position = items.update(
            self.table,
            f"shard#{commit.stream}",
            commit.shard,
            {"committed": max(last, read.committed), "rejections": read.rejections + 1},
            condition,
            **values,
        )
        self._commit(commit, position)

    def _commit(self, commit: Commit, position: TransactWriteItemTypeDef) -> None:
        by_hour: dict[str, list[LakeFile]] = {}
        for file in commit.files:
            by_hour.setdefault(file.hour, []).append(file)
        pending = [
            items.put(self.table, self._pending(commit, hour, files, sure=number < HOURS_IN_TRANSACTION))
            for number, (hour, files) in enumerate(sorted(by_hour.items()))
        ]
        # more hours than a transaction holds: these items come first, and count only if the commit is there
        for start in range(HOURS_IN_TRANSACTION, len(pending), HOURS_IN_TRANSACTION):
            items.transact(pending[start : start + HOURS_IN_TRANSACTION])
        items.transact(
            [
                position,
                items.put(self.table, self._commit_item(commit), "attribute_not_exists(pk)"),
                *(items.put(self.table, self._range(commit, taken)) for taken in commit.ranges),
                *pending[:HOURS_IN_TRANSACTION],
            ]
        )

    def _commit_item(self, commit: Commit) -> dict[str, Any]:
        return {
            "pk": f"commit#{commit.hour}",
            "sk": commit.id,
            "writer": commit.writer,
            "stream": commit.stream,
            "shard": commit.shard,
            "ranges": [[taken.first, taken.last] for taken in commit.ranges],
            "counts": commit.counts,
            "files": [file.key for file in commit.files],
            "dead_letters": list(commit.dead_letters),
            "expires_at": commit.at_ms // 1000 + COMMIT_LIFE_S,
        }

    @staticmethod
    def _range(commit: Commit, taken: Range) -> dict[str, Any]:
        return {
            "pk": f"range#{commit.stream}#{commit.shard}",
            "sk": padded(taken.last),
            "first": padded(taken.first),
            "commit": commit.id,
            "expires_at": commit.at_ms // 1000 + RANGE_LIFE_S,
        }

    @staticmethod
    def _pending(commit: Commit, hour: str, files: Iterable[LakeFile], *, sure: bool) -> dict[str, Any]:
        item = {
            "pk": "pending",
            "sk": f"{hour}#{commit.id}",
            "files": to_plain(files),
            "committed_at": commit.at_ms,
        }
        return item if sure else {**item, "if_committed": commit.hour}

    def is_committed(self, hour: str, commit_id: str) -> bool:
        """Whether the commit of this hour and id is there."""
        return items.get(self.table, f"commit#{hour}", commit_id) is not None

    def dead_letters_of(self, hour: str, commit_id: str) -> list[str]:
        """Keys of the dead letters that a commit names; empty where there is no such commit."""
        item = items.get(self.table, f"commit#{hour}", commit_id)
        return items.unpack_json(item, "dead_letters") if item else []

    def is_covered(self, stream: str, shard: str, sequence: str) -> bool:
        """Whether a commit took this record."""
        condition = "pk = :pk AND sk >= :sk"
        keys = {":pk": f"range#{stream}#{shard}", ":sk": padded(sequence)}
        return any(
            found["first"]["S"] <= padded(sequence) for found in items.query(self.table, condition, keys, limit=1)
        )

    def hash_key(self, month: str) -> bytes:
        """The secret of a month (``2026-11``) that identifiers of people are hashed with; made by who asks first."""
        for _ in range(2):
            item = items.get(self.table, "secret", month)
            if item is not None:
                return item["key"]["B"]  # type: ignore[no-any-return]
            expires_at = environment.now_ms() // 1000 + SECRET_LIFE_S
            try:
                secret = {"pk": "secret", "sk": month, "key": environment.random_bytes(32), "expires_at": expires_at}
                items.put_new(self.table, secret)
            except ConditionLostError:
                continue
        return self.hash_key(month)


def padded(sequence: str) -> str:
    """A sequence number so that it sorts as text; Kinesis allows 129 digits."""
    return sequence.zfill(129)
