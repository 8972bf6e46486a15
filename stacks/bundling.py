"""The two assets of every function, built without Docker: the layer of libraries and the project's own code.

An asset is a folder named by the hash of everything it is made from, built aside and renamed into place, so a folder
that exists is complete and a second synth builds nothing. ``python -m stacks.bundling --platform ... --python ...``
builds the layer for another machine and prints its folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uv

from stacks.quotas import quota
from stacks.shared_libraries import missing_libraries

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / ".cache" / "assets"
REQUIREMENTS = ROOT / "functions" / "requirements.txt"
CODE_FOLDERS = ("functions", "sql")

LAMBDA_PLATFORM = "aarch64-manylinux_2_28"
LAMBDA_PYTHON = "3.13"
LAMBDA_SIZE_LIMIT = quota("lambda.code_and_layers")

PRUNE_VERSION = 1
# what `functions` uses of pyarrow, and the libraries these need; everything else in the wheel goes
PYARROW_EXTENSIONS = ("lib", "_acero", "_compute", "_dataset", "_dataset_parquet", "_fs", "_parquet")
PYARROW_LIBRARIES = (
    "libarrow.so",
    "libarrow_acero.so",
    "libarrow_compute.so",
    "libarrow_dataset.so",
    "libarrow_python.so",
    "libarrow_substrait.so",  # libarrow_python is linked against it
    "libparquet.so",
)
PYARROW_DROPPED = ("include", "includes", "src", "tests", "conftest.py", "*.pxd", "*.pxi", "*.pyx", "**/*.pxi")
SERVICES = ("athena", "cloudwatch", "dynamodb", "glue", "kinesis", "lambda", "logs", "s3", "sns", "ssm", "sts")
BOTOCORE_DROPPED = ("examples-1.json", "examples-1.json.gz")
DROPPED = ("bin", ".lock", "pyarrow-*.dist-info/sboms", "boto3/examples", "dateutil/zoneinfo/*.tar.gz")


class BundleError(Exception):
    """An asset cannot be built, or would not run on Lambda."""


def build_layer(platform: str = LAMBDA_PLATFORM, python: str = LAMBDA_PYTHON) -> Path:
    """Folder of the layer asset: ``python/`` with the pruned requirements, and ``MANIFEST.json``.

    ``platform`` is one of uv's (https://docs.astral.sh/uv/reference/cli/#uv-pip-install--python-platform), ``python`` a
    minor version such as ``3.13``. Raises ``BundleError`` where a requirement has no wheel or a library is missing.
    """
    requirements_sha = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    manifest = {
        "name": "tracelake layer",
        "requirements_sha256": requirements_sha,
        "platform": platform,
        "python": python,
        "rules": [
            PRUNE_VERSION,
            [PYARROW_EXTENSIONS, PYARROW_LIBRARIES, PYARROW_DROPPED],
            [SERVICES, BOTOCORE_DROPPED, DROPPED],
        ],
    }
    text = json.dumps(manifest, indent=1, sort_keys=True)
    target = ASSETS / hashlib.sha256(text.encode()).hexdigest()
    if not target.exists():
        with _aside(target) as folder:
            _install(folder / "python", platform, python)
            _prune(folder / "python")
            if missing := missing_libraries(folder):
                raise BundleError(f"The layer lacks shared libraries: {'; '.join(missing)}.")
            (folder / "MANIFEST.json").write_text(text)
    return target


def build_code() -> Path:
    """Folder of the code asset: the folders of ``CODE_FOLDERS``, without what Python or an editor leaves there."""
    files = [path for name in CODE_FOLDERS for path in _source_files(ROOT / name)]
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    target = ASSETS / digest.hexdigest()
    if not target.exists():
        with _aside(target) as folder:
            for path in files:
                copy = folder / path.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
    return target


def size(folder: Path) -> int:
    """Bytes of all files under the folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def check_size(*folders: Path) -> None:
    """Raises ``BundleError`` where code and layers together are more than Lambda unpacks."""
    total = sum(size(folder) for folder in folders)
    if total >= LAMBDA_SIZE_LIMIT:
        raise BundleError(
            f"Code and layer are {total / 1e6:.0f} MB unzipped; Lambda takes {LAMBDA_SIZE_LIMIT / 1e6:.0f} MB."
        )


def host_platform() -> str:
    """uv's name of the machine this runs on, e.g. ``x86_64-manylinux_2_28``."""
    return f"{sysconfig.get_platform().rpartition('-')[2]}-manylinux_2_28"


def host_python() -> str:
    """Minor version of the Python this runs on, e.g. ``3.11``."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """A temporary folder beside ``target`` that becomes it when the block ends well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix="building-"))
    folder.chmod(0o755)
    try:
        yield folder
        folder.rename(target)
    except OSError:
        # where another process has built the same meanwhile, its folder is as good
        if not target.exists():
            raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _source_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in parts):
            yield path


def _install(target: Path, platform: str, python: str) -> None:
    command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--no-compile-bytecode", "--link-mode", "copy", "--python", sys.executable]
    command += ["--python-platform", platform, "--python-version", python]
    command += ["--target", str(target), "--requirement", str(REQUIREMENTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BundleError(f"uv cannot install the layer for {platform}, Python {python}: {done.stderr.strip()}")


def _prune(site: Path) -> None:
    _prune_pyarrow(site / "pyarrow")
    data = site / "botocore" / "data"
    _remove(path for path in data.iterdir() if path.is_dir() and path.name not in SERVICES)
    _remove(path for name in BOTOCORE_DROPPED for path in data.rglob(name))
    _remove(path for pattern in DROPPED for path in site.glob(pattern))


def _prune_pyarrow(pyarrow: Path) -> None:
    _remove(path for pattern in PYARROW_DROPPED for path in pyarrow.glob(pattern))
    for path in sorted(pyarrow.glob("*.so*")):
        name = path.name
        if not name.startswith("lib") or name.startswith("lib."):
            keep = name.partition(".")[0] in PYARROW_EXTENSIONS
        else:
            # of libx.so, libx.so.2600 and libx.so.2600.1.0, all the same file, the loader asks for the second
            keep = name.rpartition(".")[0] in PYARROW_LIBRARIES
        if not keep:
            path.unlink()


def _remove(paths: Iterator[Path]) -> None:
    for path in list(paths):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the layer and print its folder.")
    parser.add_argument("--platform", default=LAMBDA_PLATFORM)
    parser.add_argument("--python", default=LAMBDA_PYTHON)
    arguments = parser.parse_args()
    folder = build_layer(arguments.platform, arguments.python)
    sys.stderr.write(f"layer for {arguments.platform}, Python {arguments.python}: {size(folder) / 1e6:.1f} MB\n")
    sys.stdout.write(f"{folder}\n")


if __name__ == "__main__":
    main()
