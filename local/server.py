"""The emulator's process: ministack with the adapters of `local/adapters` installed.

Run by the emulator's own Python (`.cache/emulator`) as `python -m local.server`; `local.run.Emulator` starts it and
sets what it reads from the environment.
"""

import os
import signal
import threading
import time
from collections.abc import Iterable
from typing import Any

from ministack import app

from local.adapters import (
    access_logs,
    alarms,
    athena,
    emf,
    glue,
    kinesis_events,
    lambda_logs,
    lambda_runtime,
    log_subscriptions,
    metric_data,
    resources,
)

ADAPTERS = (
    resources,
    lambda_runtime,
    lambda_logs,
    log_subscriptions,
    emf,
    kinesis_events,
    access_logs,
    alarms,
    athena,
    glue,
    metric_data,
)


def _end_with(parent: int) -> None:
    """Ends this process and the functions it started where the process that started it is gone without stopping it."""
    while os.getppid() == parent:
        time.sleep(1)
    os.killpg(0, signal.SIGKILL)


def main(adapters: Iterable[Any] = ADAPTERS) -> None:
    """Runs the emulator with these adapters until it is ended."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    for adapter in adapters:
        adapter.install()
    app.main()


if __name__ == "__main__":
    main()
