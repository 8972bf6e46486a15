"""Where the command finds tracelake: a stage in an AWS account, or the stack that runs on this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from cli.errors import CommandError
from functions.aws.clients import client

CURRENT = Path(__file__).parents[1] / ".cache" / "local" / "current.json"
NAMES = ("database", "workgroup", "stream", "dead-letter-bucket", "state-table", "lake-bucket")
BY_SETTING = ("tenants-table",)
_START_LOCAL = "run a local stack, as `make demo` does"
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


@dataclass(frozen=True, slots=True)
class Target:
    """One deployed stage; ``place`` says in words where it is, ``tenants_table`` where its customers come from."""

    place: str
    database: str
    workgroup: str
    stream: str
    dead_letter_bucket: str
    state_table: str
    lake_bucket: str
    tenants_table: str = ""


def find(stage: str | None, *, local: bool, current: Path = CURRENT) -> Target:
    """The running local stack where it is asked for or nothing else is configured, a stage in AWS otherwise.

    For the local stack the environment of this process is changed to reach it. ``CommandError`` where there is no
    target, with what to do about it.
    """
    if running := _local(local, current):
        stage = stage or str(running["stage"])
        return _named(stage, f"the stack on this machine ({running['endpoint']}, stage {stage})")
    stage = stage or "main"
    return _named(stage, f"{_account()}, stage {stage}")


def reach(local: bool, current: Path = CURRENT) -> str:
    """In words, which account is asked: the local one as ``find`` chooses it; no stage need be deployed there."""
    running = _local(local, current)
    return f"the account on this machine ({running['endpoint']})" if running else _account()


def _local(wanted: bool, current: Path) -> dict[str, Any] | None:
    """The running local stack, reached from here on, where it is the one to ask."""
    if not wanted and (_has_credentials() or not current.exists()):
        return None
    running = _running(current)
    os.environ.update({str(name): str(value) for name, value in running["environment"].items()})
    os.environ.pop("AWS_PROFILE", None)
    return running


def _account() -> str:
    meta = client("logs").meta
    where = "AWS" if meta.endpoint_url.endswith((".amazonaws.com", ".amazonaws.com.cn")) else meta.endpoint_url
    return f"{where}, {meta.region_name}"


@contextmanager
def explained() -> Iterator[None]:
    """Errors of AWS's client become a ``CommandError``; credentials and regions are what is wrong most often."""
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        raise CommandError(f"no AWS credentials: set AWS_PROFILE, or {_START_LOCAL} ({error})") from error
    except NoRegionError:
        raise CommandError(f"no AWS region: set AWS_REGION, or {_START_LOCAL}") from None
    except (EndpointConnectionError, ConnectTimeoutError, ConnectionClosedError) as error:
        raise CommandError(f"{error} If this is the local stack, it has ended: {_START_LOCAL}") from error
    except (BotoCoreError, ClientError) as error:
        raise CommandError(str(error)) from error


def _has_credentials() -> bool:
    files = (
        Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")),
        Path(os.environ.get("AWS_CONFIG_FILE", "~/.aws/config")),
    )
    return any(os.environ.get(name) for name in _CREDENTIALS) or any(each.expanduser().exists() for each in files)


def _running(current: Path) -> dict[str, Any]:
    try:
        running = json.loads(current.read_text(encoding="utf-8"))
        if {"endpoint", "environment", "stage"} <= running.keys():
            return dict(running)
    except FileNotFoundError:
        raise CommandError(f"no local stack is running: {_START_LOCAL}") from None
    except (OSError, ValueError, AttributeError):
        pass
    raise CommandError(f"{current} does not describe a local stack: delete it and {_START_LOCAL}")


def _named(stage: str, place: str) -> Target:
    names = {f"/tracelake/{stage}/{name}": name.replace("-", "_") for name in (*NAMES, *BY_SETTING)}
    found = client("ssm").get_parameters(Names=list(names))
    values = {names[each["Name"]]: each["Value"] for each in found["Parameters"]}
    if missing := sorted(name.replace("-", "_") for name in NAMES if name.replace("-", "_") not in values):
        what = ", ".join(missing)
        raise CommandError(f"tracelake is not deployed in {place}: it has no parameter for {what}")
    return Target(place=place, **values)
