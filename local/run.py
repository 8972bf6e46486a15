"""Starts the emulator and deploys CDK applications to it, as the demo and the end-to-end tests do.

Nothing listens on anything but loopback, nothing needs an AWS account, and several emulators can run side by side.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

from stacks.bundling import build_layer, host_platform, host_python

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".cache" / "emulator" / "bin" / "python"
NODE_MODULES = ROOT / ".cache" / "node" / "node_modules"
POLL_OFTEN = ROOT / "local" / "node" / "poll_often.cjs"
CDK = NODE_MODULES / ".bin" / "cdk"
CURRENT = ROOT / ".cache" / "local" / "current.json"
ACCOUNT = "123456789012"
REGION = "us-east-1"
START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 5
COMMAND_TIMEOUT_SECONDS = 300

Progress = Callable[[str], None]


class LocalRunError(Exception):
    """The emulator or a deployment to it failed; the message ends with the last lines of its output."""


def _silent(_step: str) -> None:
    return


class Emulator:
    """An emulator of AWS on a free port of 127.0.0.1, with all its state in `folder` (a temporary one by default).

        with Emulator() as emulator:
            emulator.deploy_tracelake()
            emulator.client("athena").start_query_execution(...)

    `environment` is what any program needs to talk to it. While tracelake runs there, `announcement` says so, which is
    how the command `tracelake` finds it. `server` is the module that runs as the emulator, and its arguments.
    """

    def __init__(
        self,
        folder: Path | None = None,
        announcement: Path = CURRENT,
        server: Sequence[str] = ("local.server",),
    ) -> None:
        self._server = server
        self._announcement = announcement
        self._temporary = (
            None if folder else tempfile.TemporaryDirectory(prefix="tracelake-", ignore_cleanup_errors=True)
        )
        self.folder = Path(folder or self._temporary.name).resolve()  # type: ignore[union-attr]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.log_file = self.folder / "emulator.log"
        self.environment = {
            "AWS_ACCESS_KEY_ID": ACCOUNT,  # the emulator takes the access key for the account
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: dict[tuple[str, str], Any] = {}
        self._commands: set[subprocess.Popen[str]] = set()
        self._bootstrapped: set[str] = set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when the emulator answers; raises `LocalRunError` with its log where it does not."""
        if not PYTHON.exists():
            raise LocalRunError(f"{PYTHON} is missing: run `make setup` first.")
        scratch = self.folder / "tmp"
        scratch.mkdir(exist_ok=True)
        environment = {
            **self.environment,
            "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ.get('PATH', '')}",
            "HOME": str(self.folder),
            "TMPDIR": str(scratch),
            "NODE_PATH": str(NODE_MODULES),  # CDK's own Node functions expect the AWS SDK of Lambda's runtime
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "LAMBDA_EXECUTOR": "local",
            "IOT_MTLS_ENABLED": "0",  # would listen on every interface
            "LOG_LEVEL": os.environ.get("TRACELAKE_LOCAL_LOG_LEVEL", "INFO"),
            **{name: value for name, value in os.environ.items() if name.startswith("TRACELAKE_LOCAL_")},
        }
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [str(PYTHON), "-m", *self._server],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us, who stop it in order
            )
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise LocalRunError(f"The emulator does not start. Its log ends with:\n{self._log_tail()}")

    def stop(self) -> None:
        """Ends the emulator and every function process that it started; does nothing where it does not run."""
        if self._announced() == self.endpoint:
            self._announcement.unlink()
        self._end_commands()
        while self._clients:
            self._clients.popitem()[1].close()  # the emulator waits for open connections
        if self._process is not None:
            _end(self._process)
            self._process = None
        if self._temporary is not None:
            self._temporary.cleanup()

    def client(self, service: str, region: str = REGION) -> Any:
        """A boto3 client for the emulator, one per service and region."""
        if (service, region) not in self._clients:
            self._clients[service, region] = boto3.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self.endpoint,
                region_name=region,
                aws_access_key_id=ACCOUNT,
                aws_secret_access_key="test",
                config=Config(read_timeout=900, retries={"total_max_attempts": 1}),
            )
        return self._clients[service, region]

    def deploy_tracelake(
        self, stage: str = "main", context: Mapping[str, Any] | None = None, progress: Progress = _silent
    ) -> None:
        """Bootstraps and deploys the stacks that go to AWS; only the layer is built for this machine instead of Lambda.

        `context` holds more settings, e.g. `{"tracelake.alert_email": "ops@example.com"}`.
        """
        settings = {"tracelake.stage": stage, **(context or {})}
        self.deploy(ROOT / "app.py", settings, progress)
        self._announce(stage)

    def deploy(self, app: Path, context: Mapping[str, Any] | None = None, progress: Progress = _silent) -> None:
        """Deploys all stacks of a CDK application, with the context of the cdk.json beside it and more."""
        with ThreadPoolExecutor() as pool:
            try:
                bootstrapping = pool.submit(self._bootstrap, REGION, progress)
                layer = pool.submit(build_layer, host_platform(), host_python())
                assembly = self._synthesize(app, context or {}, progress)
                _use_layer(assembly, layer.result())
                bootstrapping.result()
            except BaseException:  # also Ctrl-C: nobody waits for what the pool still runs
                self._end_commands()
                raise
        progress(f"deploying {app.parent.name}")
        self.deploy_assembly(assembly)

    def deploy_assembly(self, assembly: Path, region: str = REGION) -> None:
        """Deploys all stacks of a synthesized application."""
        self._bootstrap(region, _silent)
        deploy = ("deploy", "--all", "--app", str(assembly), "--require-approval", "never", "--concurrency", "4")
        self._cdk(*deploy, region=region)

    def destroy(self, assembly: Path, *stacks: str) -> None:
        """Removes stacks, named as for `cdk destroy`."""
        self._cdk("destroy", *stacks, "--app", str(assembly), "--force")

    def _announce(self, stage: str) -> None:
        self._announcement.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._announcement.with_suffix(f".{os.getpid()}")
        unfinished.write_text(
            json.dumps({"endpoint": self.endpoint, "environment": self.environment, "stage": stage}, indent=1)
        )
        unfinished.rename(self._announcement)

    def _announced(self) -> str | None:
        try:
            endpoint: str = json.loads(self._announcement.read_text())["endpoint"]
        except FileNotFoundError:
            return None
        return endpoint

    def _bootstrap(self, region: str, progress: Progress) -> None:
        if region not in self._bootstrapped:
            progress("bootstrapping")
            self._cdk("bootstrap", f"aws://{ACCOUNT}/{region}", region=region)
            self._bootstrapped.add(region)

    def _synthesize(self, app: Path, context: Mapping[str, Any], progress: Progress) -> Path:
        progress(f"synthesizing {app.parent.name}")
        assembly = Path(tempfile.mkdtemp(dir=self.folder, prefix="cdk.out-"))
        settings = app.with_name("cdk.json")
        defaults = json.loads(settings.read_text())["context"] if settings.exists() else {}
        environment = {
            **os.environ,
            **self.environment,
            "CDK_OUTDIR": str(assembly),
            "CDK_CONTEXT_JSON": json.dumps({**defaults, **context}),
            "CDK_DEFAULT_ACCOUNT": ACCOUNT,
            "CDK_DEFAULT_REGION": REGION,
        }
        self._run([sys.executable, str(app)], environment, ROOT)
        return assembly

    def _cdk(self, *arguments: str, region: str = REGION) -> None:
        environment = {
            **self.environment,
            "AWS_DEFAULT_REGION": region,
            "AWS_REGION": region,
            "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ.get('PATH', '')}",
            "HOME": str(self.folder),
            "CI": "true",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "NODE_OPTIONS": f"--require={POLL_OFTEN}",
        }
        command = [str(CDK), *arguments, "--no-notices", "--no-version-reporting", "--no-color"]
        try:
            # away from cdk.json, else the command line would synthesize before it bootstraps
            self._run(command, environment, self.folder)
        except LocalRunError as error:
            raise LocalRunError(f"{error}\nThe emulator's log ends with:\n{self._log_tail()}") from error

    def _run(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        """Runs a program in an own process group, and ends all of it on time-out or interrupt."""
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._commands.add(process)
        try:
            output, _ = process.communicate(timeout=COMMAND_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise LocalRunError(f"{' '.join(command)} took more than {COMMAND_TIMEOUT_SECONDS} s") from error
        finally:
            _end(process)
            self._commands.discard(process)
        if process.returncode:
            tail = "\n".join(output.splitlines()[-60:])
            raise LocalRunError(f"{' '.join(command)} failed:\n{tail}")

    def _end_commands(self) -> None:
        for process in list(self._commands):
            _end(process)

    def _log_tail(self, lines: int = 25) -> str:
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])


def _use_layer(assembly: Path, layer: Path) -> None:
    """Replaces the layer built for Lambda by a pointer to the one built for this machine.

    The pointer is a .pth file, so that 100 MB are neither packed, nor uploaded, nor unpacked for every function.
    """
    for manifest in assembly.glob("asset.*/MANIFEST.json"):
        shutil.rmtree(manifest.parent)
        point_to(layer, manifest.parent)


def point_to(layer: Path, folder: Path) -> None:
    """Makes the folder a layer that finds the libraries of another one on this machine."""
    site = folder / "python" / "lib" / f"python{host_python()}" / "site-packages"
    site.mkdir(parents=True)
    (site / "layer.pth").write_text(f"import sys; sys.path.insert(0, {str(layer / 'python')!r})\n")


def _end(process: subprocess.Popen[Any]) -> None:
    """SIGTERM to a process and all that it started, SIGKILL to what is left after a while."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
