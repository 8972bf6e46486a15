"""`make demo`: one story on one machine, from an empty account to an incident, the mail about it and the proof.

Everything it shows has happened; where something that should happen does not, it says so and fails.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from botocore.exceptions import BotoCoreError, ClientError

from cli.text import safe
from functions.aws.athena import QueryFailedError
from local.run import Emulator, LocalRunError
from local.sample import traffic
from local.sample.payment_provider import PaymentProvider
from local.story import making, scenes, without_thresholds
from local.story.lake import Lake, Ledger
from local.story.telling import Teller
from local.story.your_turn import your_turn

STAGE = "main"
SEED = 7
# a closed terminal, Ctrl-C, and a polite kill; the exit status is 128 and the number, as shells have it
SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """A signal asked the demo to end; holds the exit status."""


def tell(teller: Teller, keep: bool) -> Ledger:
    """Tells the story and cleans up, however it ends; returns the ledger's sums.

    On a terminal, or with ``keep``, everything goes on running after the story and its dashboards are served, until a
    signal comes.
    """
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="tracelake-demo-")))
        os.environ["TMPDIR"] = str(folder)  # what is interrupted leaves its temporary files there
        world = _begin(teller, cleanup, folder)
        cleanup.callback(_ignore_signals)
        scenes.quiet_hours(world)
        scenes.one_order(world)
        scenes.incident(world)
        scenes.mail(world)
        without_thresholds.put_a_day(world)
        scenes.recovery(world)
        scenes.questions(world)
        without_thresholds.unusual(world)
        ledger = scenes.nothing_is_lost(world)
        if keep or sys.stdout.isatty():
            with suppress(Stopped):
                your_turn(world)
        return ledger


def _begin(teller: Teller, cleanup: ExitStack, folder: Path) -> scenes.World:
    teller.chapter("An account on this machine")
    teller.say("No AWS account, no Docker; nothing leaves this machine, everything talks to 127.0.0.1.")
    with teller.step("emulator of AWS") as step:
        provider = cleanup.enter_context(PaymentProvider(SEED))
        emulator = Emulator(folder)
        cleanup.callback(emulator.stop)
        _talk_only_to(emulator)
        emulator.start()
        step.result = emulator.endpoint
    making.deploy_tracelake(teller, emulator, STAGE)
    shop = making.deploy_shop(teller, emulator, provider.url, STAGE)
    provider.webhooks_url = shop.webhooks_url
    with teller.step("subscribe_log_groups (on AWS every five minutes)") as step:
        step.result = f"{len(making.sweep(emulator, STAGE))} log groups subscribed"
    lake = Lake(emulator, STAGE, datetime.now(UTC))
    world = scenes.World(teller, emulator, lake, provider, shop, STAGE, traffic.requests(SEED))
    scenes.name_customers(world)
    scenes.subscribe(world)
    return world


def _talk_only_to(emulator: Emulator) -> None:
    """Whatever is configured for AWS or for a proxy, this process and what it starts reach the emulator alone."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(emulator.environment)
    os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    os.environ.update(NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")


def _stop(number: int, _frame: FrameType | None) -> None:
    """The first signal ends the story in order; those that follow must not disturb that."""
    _ignore_signals()
    raise Stopped(128 + number)


def _ignore_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def main() -> int:
    """Tells the story; 0 where all of it came true."""
    parser = argparse.ArgumentParser(prog="make demo", description="Tells one story on this machine.")
    parser.add_argument("--keep", action="store_true", help="let everything run on afterwards, until Ctrl-C")
    keep = parser.parse_args().keep
    for number in SIGNALS:
        signal.signal(number, _stop)
    # an alarm of several periods would need longer than anybody watches a demo
    os.environ.setdefault("TRACELAKE_LOCAL_ALARM_DATAPOINTS", "1")
    # whatever the terminal cannot write is no reason to fail
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    teller = Teller()
    started = time.monotonic()
    teller.title("tracelake: who did what, why was it slow, what did it cost: in your own AWS account")
    try:
        ledger = tell(teller, keep)
    except Stopped as stopped:
        print("\nstopped; everything that was started has ended", file=sys.stderr)
        return int(stopped.args[0])
    except (scenes.StoryError, LocalRunError, QueryFailedError, BotoCoreError, ClientError) as error:
        reason = "\n".join(safe(line) for line in str(error).splitlines())
        print(f"\nThe demo failed: {reason}", file=sys.stderr)
        return 1
    teller.say(f"{time.monotonic() - started:.0f} seconds, and everything that was started has ended.", "dim")
    print(
        f"events in {ledger.events:,} = stored {ledger.stored:,} + folded {ledger.folded:,} "
        f"+ rejected {ledger.rejected:,}, difference {ledger.difference:,}"
    )
    return 0 if ledger.difference == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
