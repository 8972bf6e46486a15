"""Clients: threads that all ask first get the same one."""

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from functions.aws import clients


def test_a_client_is_made_once_however_many_threads_ask_first(monkeypatch):
    made = []

    def make(name, config):
        time.sleep(0.02)  # long enough for the others to ask meanwhile
        made.append(name)
        return object()

    monkeypatch.setattr(clients, "boto3", SimpleNamespace(client=make))
    clients._client.cache_clear()
    try:
        with ThreadPoolExecutor(8) as pool:
            given = set(pool.map(clients.client, ["s3"] * 8))
    finally:
        clients._client.cache_clear()
    assert made == ["s3"]
    assert len(given) == 1
