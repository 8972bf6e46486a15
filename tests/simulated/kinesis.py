"""A Kinesis stream in memory, which can be split and merged while it is read.

A record goes to the open shard whose hash range it falls into. Resharding closes the parents, which keep what they have
until it expires, and opens children under new names that begin empty
(https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-resharding.html).
"""

import hashlib
from dataclasses import dataclass, field

from local.simulators.event_source import Record

STREAM_ARN = "arn:aws:kinesis:eu-central-1:123456789012:stream/tracelake-main"
KEYS = 4
"""Partition keys of the applications, spread evenly over the hash range."""


def position(partition_key):
    """The place of a partition key in the hash range."""
    return int(hashlib.md5(partition_key.encode()).hexdigest(), 16) / (1 << 128)


@dataclass
class Shard:
    name: str
    start: float
    end: float
    parents: tuple = ()
    is_closed: bool = False
    records: list = field(default_factory=list)


class Stream:
    """Shards with all records ever put; sequence numbers grow, with gaps, and in length."""

    def __init__(self, shards=1):
        self.shards = {}
        self._next = 97
        for number in range(shards):
            self._open(number / shards, (number + 1) / shards)

    def put(self, data, arrival_ms, position=0.0):
        """``position`` is the place in the hash range, from 0 up to 1."""
        (shard,) = (each for each in self.open_shards() if each.start <= position < each.end)
        self._next += 7
        record = Record(shard.name, str(self._next), data, arrival_ms)
        shard.records.append(record)
        return record

    def open_shards(self):
        """By their hash range."""
        return sorted((shard for shard in self.shards.values() if not shard.is_closed), key=lambda shard: shard.start)

    def split(self, number):
        """One of the open shards into halves."""
        parent = self.open_shards()[number % len(self.open_shards())]
        parent.is_closed = True
        middle = (parent.start + parent.end) / 2
        self._open(parent.start, middle, parent)
        self._open(middle, parent.end, parent)

    def merge(self, number):
        """One of the open shards with the next one; nothing where there is but one."""
        shards = self.open_shards()
        if len(shards) > 1:
            left = number % (len(shards) - 1)
            first, second = shards[left : left + 2]
            first.is_closed = second.is_closed = True
            self._open(first.start, second.end, first, second)

    def _open(self, start, end, *parents):
        name = f"shardId-{len(self.shards):012d}"
        self.shards[name] = Shard(name, start, end, tuple(parent.name for parent in parents))

    def parents(self):
        return {name: shard.parents for name, shard in self.shards.items()}

    def is_closed(self, shard):
        return self.shards[shard].is_closed

    def read(self, shard, position, most):
        return self.shards[shard].records[position : position + most]
