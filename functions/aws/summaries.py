"""Summaries in the lake bucket: ``summaries/<kind>/hour=<hour>.json``, and others that widgets are drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from functions.aws.objects import Objects

FOLDER = "summaries/"
SUBSCRIPTIONS = f"{FOLDER}subscriptions.json"
BUDGET = f"{FOLDER}budget.json"
INCIDENTS = f"{FOLDER}incidents.json"


def folder_of(kind: str) -> str:
    """Where the summaries of a kind are."""
    return f"{FOLDER}{kind}/"


def key_of(kind: str, hour: str) -> str:
    """Key of the summary of an hour."""
    return f"{folder_of(kind)}hour={hour}.json"


def hour_of_key(key: str) -> str:
    """The hour of such a key."""
    return key.rpartition("hour=")[2].removesuffix(".json")


class Summaries(Objects):
    """Reads and writes summaries of one bucket; so many reads run at a time."""

    workers = 16
    content_type = "application/json"

    def read_all(self, keys: Sequence[str]) -> list[bytes]:
        """Bodies in the order of the keys, empty for those that do not exist."""
        if len(keys) < 2:
            return [self.read(key).body for key in keys]
        with ThreadPoolExecutor(self.workers) as pool:
            return [found.body for found in pool.map(self.read, keys)]

    def read_hours(self, kind: str, hours: Iterable[str]) -> list[bytes]:
        """Bodies of the summaries of these hours."""
        return self.read_all([key_of(kind, hour) for hour in hours])
