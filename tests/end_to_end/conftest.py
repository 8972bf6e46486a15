"""One emulator with tracelake's real stacks for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from on_the_emulator import CALLS, NAMES, Deployed
from trino_server import Trino, missing

from local.run import PYTHON, Emulator


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON} is missing; `make setup` provides it")
    folder = tmp_path_factory.mktemp("emulator")
    emulator = Emulator(folder, announcement=folder / "current.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACELAKE_LOCAL_CALLS", str(folder / CALLS))
        emulator.start()
    try:
        emulator.deploy_tracelake()
        yield Deployed(emulator)
    finally:
        emulator.stop()


@pytest.fixture(scope="session")
def trino(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trino]:
    """The engine that Athena is, over the emulator's Glue and S3."""
    if reason := missing():
        pytest.skip(reason)
    with Trino(tmp_path_factory.mktemp("trino"), deployed.emulator.endpoint, NAMES.database) as server:
        yield server
