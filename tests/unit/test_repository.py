"""What holds for the whole repository."""

import re
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

from docs import generate

ROOT = Path(__file__).resolve().parents[2]


def test_generated_tables_are_fresh():
    for name in generate.PAGES:
        text = (ROOT / name).read_text()
        assert generate.render(text) == text, f"{name} is stale: run `make docs`"


def test_a_changed_table_is_noticed():
    text = (ROOT / "docs/data_dictionary.md").read_text()
    planted = text.replace("`trace_id`", "`trace`", 1)
    assert planted != text
    assert generate.render(planted) == text


def test_lock_files_name_no_package_index():
    locks = [*ROOT.glob("*requirements.txt"), *ROOT.glob("*/requirements.txt"), *ROOT.glob("local/node/*.json")]
    assert len(locks) >= 5
    for lock in locks:
        text = lock.read_text()
        assert not re.search(r"--(extra-)?index-url|--find-links|\"resolved\":", text), lock


def test_every_requirement_is_pinned():
    for lock in [ROOT / "requirements.txt", *ROOT.glob("*/requirements.txt")]:
        for line in lock.read_text().splitlines():
            assert re.match(r"[\w.\[\]-]+==[\w.+!]+( ;.*)?$", line), f"{lock}: {line}"


def test_an_installation_without_a_checkout_has_every_file_that_the_command_reads():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = setuptools["packages"]["find"]["include"]
    files = [
        path.relative_to(ROOT)
        for folder in ("cli", "functions", "sql")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in (".json", ".sql", ".toml", ".csv")
    ]
    assert len(files) > 10
    for path in files:
        assert any(fnmatch(path.parts[0], each) for each in packages), path
        assert any(fnmatch(path.name, each) for each in setuptools["package-data"]["*"]), path


def test_internal_links_of_the_pages_lead_somewhere():
    pages = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for page in map(Path, pages.split()):
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text()):
            assert (ROOT / page.parent / target).exists(), f"{page}: {target}"
