"""The assets are complete, small enough, and the same whoever builds them."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from stacks import bundling, shared_libraries

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def layer() -> Path:
    return bundling.build_layer()


def test_code_and_layer_fit_into_lambda(layer: Path) -> None:
    bundling.check_size(layer, bundling.build_code())
    assert bundling.size(layer) < 120_000_000


def test_what_does_not_fit_is_refused(layer: Path) -> None:
    with pytest.raises(bundling.BundleError, match=r"are 3\d\d MB unzipped; Lambda takes 262 MB"):
        bundling.check_size(layer, layer, layer)


def test_no_library_of_the_layer_is_missing(layer: Path) -> None:
    assert shared_libraries.missing_libraries(layer) == []


def test_a_library_that_was_pruned_too_much_is_noticed(layer: Path, tmp_path: Path) -> None:
    kept = tmp_path / "pyarrow"
    shutil.copytree(layer / "python" / "pyarrow", kept)
    next(kept.glob("libarrow_substrait.so*")).unlink()
    missing = shared_libraries.missing_libraries(tmp_path)
    assert any(re.match(r"pyarrow/libarrow_python\.so\.\d+ needs libarrow_substrait\.so\.\d+$", m) for m in missing)


def test_libraries_are_those_of_lambda(layer: Path) -> None:
    files = list(layer.rglob("*.so*"))
    assert len(files) > 10
    for file in files:
        (machine,) = struct.unpack_from("<H", file.read_bytes()[:64], 0x12)
        assert machine == 183, f"{file} is not for arm64"
        assert not re.search(r"cpython-(?!313-aarch64)", file.name)


@pytest.mark.skipif(not shutil.which("readelf"), reason="readelf is not installed")
def test_the_needs_of_a_library_are_those_that_readelf_shows(layer: Path) -> None:
    for file in (layer / "python" / "pyarrow").glob("*.so*"):
        shown = subprocess.run(["readelf", "-d", str(file)], capture_output=True, text=True, check=True).stdout
        assert shared_libraries.needed(file) == re.findall(r"\(NEEDED\).*\[(.*)\]", shown)


def test_a_file_that_is_no_library_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fake.so").write_text("text")
    with pytest.raises(ValueError, match=r"fake\.so is not an ELF file"):
        shared_libraries.needed(tmp_path / "fake.so")


def test_the_layer_holds_no_numpy_no_tests_and_no_bytecode(layer: Path) -> None:
    names = {path.name for path in (layer / "python").iterdir()}
    assert {"pyarrow", "boto3", "msgspec", "deflate", "aws_lambda_powertools"} <= names
    assert not names & {"numpy", "pandas", "bin"}
    assert not list(layer.rglob("*.pyc"))
    assert not (layer / "python" / "pyarrow" / "tests").exists()
    assert not list((layer / "python" / "pyarrow").glob("libarrow_flight*"))


def test_the_layer_knows_every_service_that_functions_call(layer: Path) -> None:
    known = {path.name for path in (layer / "python" / "botocore" / "data").iterdir() if path.is_dir()}
    called = {
        name
        for file in (ROOT / "functions").rglob("*.py")
        for name in re.findall(r"\bclient\(\s*\"([a-z0-9-]+)\"", file.read_text())
    }
    assert {"s3", "dynamodb", "glue"} <= called <= known


def test_the_layer_says_what_it_was_made_from(layer: Path) -> None:
    manifest = json.loads((layer / "MANIFEST.json").read_text())
    assert manifest["platform"] == "aarch64-manylinux_2_28"
    assert manifest["python"] == "3.13"
    assert re.fullmatch(r"[0-9a-f]{64}", manifest["requirements_sha256"])


def test_another_platform_has_another_folder_and_nothing_is_built_twice(layer: Path) -> None:
    host = bundling.build_layer(bundling.host_platform(), bundling.host_python())
    assert host != layer
    built = (layer / "MANIFEST.json").stat().st_mtime_ns
    assert bundling.build_layer() == layer
    assert (layer / "MANIFEST.json").stat().st_mtime_ns == built


def test_a_layer_that_cannot_be_built_leaves_nothing_behind() -> None:
    before = set(bundling.ASSETS.iterdir())
    with pytest.raises(bundling.BundleError, match="uv cannot install the layer"):
        bundling.build_layer("aarch64-manylinux_2_28", "3.4")
    assert {path for path in bundling.ASSETS.iterdir() if path not in before} == set()


def test_the_code_asset_holds_functions_and_sql_and_nothing_that_python_left_there() -> None:
    code = bundling.build_code()
    assert {path.name for path in code.iterdir()} == {"functions", "sql"}
    assert (code / "functions" / "core" / "schema.py").read_bytes() == (ROOT / "functions/core/schema.py").read_bytes()
    assert not [path for path in code.rglob("*") if path.name == "__pycache__" or path.suffix == ".pyc"]


def test_the_code_asset_is_named_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("functions", "sql"):
        (tmp_path / name).mkdir()
    (tmp_path / "functions" / "a.py").write_text("a = 1\n")
    monkeypatch.setattr(bundling, "ROOT", tmp_path)
    monkeypatch.setattr(bundling, "ASSETS", tmp_path / "assets")
    first = bundling.build_code()
    (tmp_path / "functions" / "__pycache__").mkdir()
    (tmp_path / "functions" / "__pycache__" / "a.pyc").write_text("")
    assert bundling.build_code() == first
    (tmp_path / "functions" / "a.py").write_text("a = 2\n")
    assert bundling.build_code() != first
    (tmp_path / "functions" / "a.py").rename(tmp_path / "functions" / "b.py")
    assert len({first, bundling.build_code()}) == 2
