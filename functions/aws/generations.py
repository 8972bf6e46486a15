"""The state table, `compact`'s side: unpublished hours, leases, generations, garbage."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from functions.aws import environment, items
from functions.aws.items import ConditionLostError
from functions.core.lake_files import LakeFile, from_plain, to_plain

DAY_MS = 86_400_000
LEASE_MS = 20 * 60_000
"""Longer than a function can live (15 minutes), so that the owner of a lease that ran out is dead."""

GARBAGE_KEYS = 2_000
"""Keys that one garbage item names: it stays under 400 KB."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Files of one commit in one hour that are not published; or, without files, a table to publish again."""

    id: str
    files: Sequence[LakeFile]
    tables: frozenset[str]
    committed_at: int
    if_committed: str = ""

    @property
    def commit_id(self) -> str:
        """The commit that the files are of."""
        return self.id.split("#")[1]


@dataclass(frozen=True, slots=True)
class Generation:
    """What is published of a table's hour: number, folder in the bucket and its files; number 0 is nothing yet."""

    table: str
    hour: str
    number: int = 0
    prefix: str = ""
    files: Sequence[LakeFile] = ()

    def still_current(self) -> tuple[str, dict[str, int]]:
        """Condition, and its values, that nobody has published the hour since."""
        if self.number == 0:
            return "attribute_not_exists(#generation)", {}
        return "#generation = :old", {"old": self.number}


@dataclass(frozen=True, slots=True)
class Move:
    """A table's hour goes from one generation to the next; ``promise`` is the garbage item of the new folder."""

    old: Generation
    new: Generation
    promise: str


@dataclass(frozen=True, slots=True)
class Garbage:
    """Objects that are due for deletion: a folder or single keys."""

    id: str
    prefix: str
    keys: Sequence[str]


@dataclass(frozen=True, slots=True)
class Note:
    """An hour was published, and something is to be made of it (``kind``); ``id`` tells its publications apart."""

    kind: str
    hour: str
    id: str


SUMMARISE, ASSEMBLE, CONTINUE = "summarise", "assemble", "continue"
"""Kinds of notes: an hour was published, and what began in the hour before may go on in it."""


class Generations:
    """The state table for `compact`; ``owner`` names this run."""

    def __init__(self, table: str, owner: str) -> None:
        self.table = table
        self.owner = owner

    def unpublished_hours(self, before: str) -> list[str]:
        """Hours before this one with something to publish, oldest first."""
        found = items.query(self.table, "pk = :pk AND sk < :sk", {":pk": "pending", ":sk": before})
        return sorted({item["sk"]["S"].split("#")[0] for item in found})

    def pending_hours(self) -> list[str]:
        """Hours with something to publish, over or not, oldest first."""
        return self.unpublished_hours("~")

    def notes(self, kind: str) -> list[Note]:
        """Hours that were published since this was made of them, oldest first."""
        found = items.query(self.table, "pk = :pk", {":pk": kind})
        return [Note(kind, item["sk"]["S"], item["id"]["S"]) for item in found]

    def done(self, note: Note) -> None:
        """It is made, unless the hour was published once more in between."""
        done = items.delete(self.table, note.kind, note.hour, "#id = :id", id=note.id)
        with suppress(ConditionLostError):
            items.transact([done])

    def pending(self, hour: str) -> list[Pending]:
        """What is to be published of the hour."""
        keys = {":pk": "pending", ":sk": f"{hour}#"}
        return [_pending(item) for item in items.query(self.table, "pk = :pk AND begins_with(sk, :sk)", keys)]

    def take_lease(self, hour: str) -> bool:
        """Whether the hour is ours now: nobody else has it, or who had it must be dead."""
        now_ms = environment.now_ms()
        sets = {"owner": self.owner, "until_ms": now_ms + LEASE_MS, "expires_at": (now_ms + LEASE_MS) // 1000 + 60}
        condition = "attribute_not_exists(#until_ms) OR #until_ms < :now OR #owner = :owner"
        try:
            items.transact([items.update(self.table, "lease", hour, sets, condition, now=now_ms, owner=self.owner)])
        except ConditionLostError:
            return False
        return True

    def release_lease(self, hour: str) -> None:
        """Give the hour back."""
        sets = {"until_ms": 0}
        try:
            items.transact([items.update(self.table, "lease", hour, sets, "#owner = :owner", owner=self.owner)])
        except ConditionLostError:
            return  # it had run out, and another run has it now

    def current(self, table: str, hour: str) -> Generation:
        """The generation that the state names."""
        item = items.get(self.table, f"hour#{table}", hour)
        if item is None:
            return Generation(table, hour)
        files = from_plain(items.unpack_json(item, "files"))
        return Generation(table, hour, int(item["generation"]["N"]), item["prefix"]["S"], files)

    def promise_deletion(self, prefix: str) -> str:
        """Note that the folder is to be deleted unless it is published; names the note."""
        note = _garbage(prefix=prefix)
        items.transact([items.put(self.table, note)])
        return str(note["sk"])

    def publish(
        self,
        hour: str,
        moves: Sequence[Move],
        again: Sequence[str],
        read: Sequence[Generation],
        notes: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Move all tables of the hour at once, if nobody else did and the lease is ours.

        The hours in ``again`` are to publish their invocations anew. ``read`` are generations of other hours that the
        new ones rest on: they must still be current, else two neighbours that are published at the same time would
        both miss what the other one has. ``notes`` are kinds and hours of Notes to leave.

        Raises ``ConditionLostError``.
        """
        writes = [
            items.check(
                self.table,
                "lease",
                hour,
                "#owner = :owner AND #until_ms > :now",
                owner=self.owner,
                now=environment.now_ms(),
            )
        ]
        for other in read:
            condition, values = other.still_current()
            writes.append(items.check(self.table, f"hour#{other.table}", other.hour, condition, **values))
        for move in moves:
            condition, old = move.old.still_current()
            sets = {
                "generation": move.new.number,
                "prefix": move.new.prefix,
                "files": to_plain(move.new.files),
            }
            writes.append(items.update(self.table, f"hour#{move.new.table}", hour, sets, condition, **old))
            writes.append(items.delete(self.table, "garbage", move.promise))
            if move.old.number:
                writes.append(items.put(self.table, _garbage(prefix=move.old.prefix)))
        for kind, of_hour in notes:
            note = {"pk": kind, "sk": of_hour, "id": environment.new_id(environment.now_ms())}
            writes.append(items.put(self.table, note))
        for neighbour in again:
            sk = f"{neighbour}#again-{environment.new_id(environment.now_ms())}"
            more = {"pk": "pending", "sk": sk, "tables": ["invocations"], "committed_at": environment.now_ms()}
            writes.append(items.put(self.table, more))
        items.transact(writes)

    def settle(self, done: Sequence[Pending]) -> None:
        """Forget published files: their pending items go, and in the same transaction they become garbage."""
        rest = list(done)
        while rest:
            part: list[Pending] = []
            keys: list[str] = []
            while rest and len(part) < items.TRANSACTION_ITEMS - 1 and len(keys) < GARBAGE_KEYS:
                part.append(rest.pop())
                keys += [file.key for file in part[-1].files]
            writes = [items.delete(self.table, "pending", pending.id) for pending in part]
            if keys:
                writes.append(items.put(self.table, _garbage(keys=keys)))
            items.transact(writes)

    def due_garbage(self) -> list[Garbage]:
        """Objects whose time has come."""
        keys = {":pk": "garbage", ":sk": f"{environment.now_ms():014d}"}
        found = items.query(self.table, "pk = :pk AND sk < :sk", keys)
        return [Garbage(item["sk"]["S"], item["prefix"]["S"], items.unpack_json(item, "keys")) for item in found]

    def forget_garbage(self, garbage: Garbage) -> None:
        """The objects are deleted."""
        items.transact([items.delete(self.table, "garbage", garbage.id)])


def _pending(item: items.Item) -> Pending:
    files = from_plain(items.unpack_json(item, "files")) if "files" in item else []
    tables = json.loads(item["tables"]["S"]) if "tables" in item else [file.table for file in files]
    if_committed = item["if_committed"]["S"] if "if_committed" in item else ""
    return Pending(item["sk"]["S"], files, frozenset(tables), int(item["committed_at"]["N"]), if_committed)


def _garbage(prefix: str = "", keys: Sequence[str] = ()) -> dict[str, object]:
    due_ms = environment.now_ms() + DAY_MS
    return {
        "pk": "garbage",
        "sk": f"{due_ms:014d}#{environment.new_id(due_ms)}",
        "prefix": prefix,
        "keys": list(keys),
    }
