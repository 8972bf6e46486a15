from functools import cache

import pytest

from functions.aws import lake
from functions.normalize import batch

from .account import ENVIRONMENT
from .telemetry import POISON
from .world import endpoints, tried


class FailingNormalizer(batch.Normalizer):
    """The real one, with a defect that one kind of record brings out."""

    def add(self, data, position, arrival_ms):
        if data.startswith(POISON):
            raise RuntimeError("a defect of the normaliser")
        super().add(data, position, arrival_ms)


def pytest_terminal_summary(terminalreporter):
    if tried:
        terminalreporter.write_line("simulated: " + ", ".join(f"{count} {what}" for what, count in tried.items()))


@pytest.fixture(scope="module", autouse=True)
def simulated():
    """All clients talk to the simulated account; what a function does at once it does one by one here, and the same
    bytes are understood once."""
    decode = cache(lake.decode)
    with pytest.MonkeyPatch.context() as patch, endpoints():
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setattr(lake.Lake, "workers", 1)
        patch.setattr(lake, "decode", lambda body, columns: decode(body, columns and tuple(columns)))
        patch.setattr(batch, "Normalizer", FailingNormalizer)
        yield
