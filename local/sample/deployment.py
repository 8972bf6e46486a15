"""The shop on a running emulator."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from local.run import Emulator, Progress

STACK = "shop"
APP = Path(__file__).with_name("app.py")


class Shop(NamedTuple):
    """Where the deployed shop answers."""

    url: str
    webhooks_url: str


def deploy(emulator: Emulator, payments_url: str, stage: str, progress: Progress) -> Shop:
    """Deploys the sample application; raises ``local.run.LocalRunError`` where that fails."""
    emulator.deploy(APP, {"payments_url": payments_url, "stage": stage}, progress)
    stack = emulator.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    # a name ending in localhost needs no name server, so the emulator's own path for both is used
    url_id = outputs["WebhooksUrl"].removeprefix("https://").removeprefix("http://").partition(".")[0]
    return Shop(
        url=f"{emulator.endpoint}/_aws/execute-api/{outputs['ApiId']}/$default",
        webhooks_url=f"{emulator.endpoint}/_aws/lambda-url/{url_id}",
    )
