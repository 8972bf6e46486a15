"""Whatever the local run does not do as AWS does has another proof, and every module that stands in for it is named."""

from pathlib import Path

import pytest

from local.differences import load

ROOT = Path(__file__).resolve().parents[2]
READER = "tests/infrastructure/template_reading.py"
HERE = {"refused", "dropped", "no effect", "replaced"}


def test_every_difference_names_tests_that_exist_and_are_not_on_the_emulator():
    for entry in load():
        assert entry.proof, entry
        for proof in entry.proof:
            assert (ROOT / proof).is_file(), f"{entry.type}: {proof} is not there"
            assert Path(proof).name.startswith("test_"), proof
        assert any(not proof.startswith("tests/end_to_end/") for proof in entry.proof), entry.type


def test_what_is_dropped_or_has_no_effect_is_looked_at_by_the_tests_that_prove_it():
    for entry in load():
        text = "".join((ROOT / proof).read_text() for proof in (*entry.proof, READER))
        if entry.here in ("dropped", "no effect"):
            for name in entry.properties:
                assert name.rpartition(".")[2] in text, f"{entry.type}: nobody looks at {name}"


def test_every_difference_says_what_happens():
    for entry in load():
        assert entry.here in HERE, entry
        assert entry.means.endswith("."), entry
        assert bool(entry.by) == (entry.here == "replaced"), entry


def test_every_adapter_is_a_difference():
    adapters = {
        f"local/adapters/{path.name}"
        for path in (ROOT / "local" / "adapters").glob("*.py")
        if "\ndef install() " in path.read_text()
    }
    by = {entry.by for entry in load() if entry.by}
    assert len(adapters) >= 9
    # that one is for applications, and no part of tracelake's templates
    assert adapters - by == {"local/adapters/access_logs.py"}
    assert all((ROOT / module).is_file() for module in by)


def test_an_unknown_member_is_refused(tmp_path):
    file = tmp_path / "planted.toml"
    file.write_text('[[difference]]\ntype = "AWS::S3::Bucket"\nprove = ["x"]\n')
    with pytest.raises(TypeError, match="prove"):
        load(file)
