"""tracelake's life in an account: deployed, changed, failed, doubled, removed and deployed again.

One emulator goes through the whole story once; the tests look at what was seen on the way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from life import OTHER_REGION, Life
from watched import Watched, given, unseen

from local import differences
from local.run import PYTHON, REGION, Emulator, LocalRunError

# the whole story is told before the first test
pytestmark = pytest.mark.timeout(600)

Seen = dict[str, Any]
CHANGED = {"tenant_keys": ("org",), "retention_days": 30, "max_event_age_days": 7, "alert_email": "ops@example.com"}
WITHOUT_DATA = ("tracelake-*-insight", "tracelake-*-ingest")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """What was seen at each station."""
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON} is missing; `make setup` provides it")
    folder = tmp_path_factory.mktemp("life")
    server = ("tests.end_to_end.watched_server", str(folder / "notes.json"))
    with Emulator(folder / "emulator", folder / "current.json", server) as emulator:
        yield _story(Life(emulator, folder))


def _story(life: Life) -> Seen:
    emulator, seen = life.emulator, {}
    main = life.synthesise()
    emulator.deploy_assembly(main)
    life.log("first", "main")
    seen["first"] = _look(life)

    with pytest.raises(LocalRunError) as refused:
        emulator.deploy_assembly(life.synthesise(broken=True, tenant_keys=("other",)))
    seen["rolled back"] = _look(life) | {"error": str(refused.value)}

    emulator.deploy_assembly(life.synthesise(**CHANGED))
    seen["changed"] = _look(life)

    with pytest.raises(LocalRunError):
        emulator.deploy_assembly(life.synthesise(broken=True, stage="dev"))
    seen["dev failed"] = _look(life, "dev")
    emulator.deploy_assembly(life.synthesise(stage="dev"))
    life.log("second", "main", "dev")
    seen["dev"] = _look(life, "dev")
    seen["beside dev"] = _look(life)

    emulator.deploy_assembly(main, OTHER_REGION)
    seen["elsewhere"] = _look(life, region=OTHER_REGION)

    emulator.destroy(main, *WITHOUT_DATA)
    seen["removed"] = _look(life)
    life.log("unheard", "dev")
    emulator.deploy_assembly(main)
    life.log("third", "main")
    seen["again"] = _look(life)

    seen["too early"] = life.command("delete-data", "--stage", "main", "--yes")
    emulator.destroy(main, *WITHOUT_DATA)
    seen["not sure"] = life.command("delete-data", "--stage", "main", answer="dev")
    seen["still there"] = _look(life)
    seen["deleted"] = life.command("delete-data", "--stage", "main", answer="main")
    seen["gone"] = _look(life)
    seen["dev after main"] = _look(life, "dev")
    before = life.counts("dev")
    life.add_old_files("dev")
    seen["old files"] = {name: (count, before[name]) for name, count in life.counts("dev").items()}
    notes, types = (json.loads((life.folder / f"{name}.json").read_text()) for name in ("notes", "types"))
    everything = life.synthesise(stage="all", monthly_budget_usd=5, **CHANGED)
    return seen | {"notes": notes, "types": types, "types of templates": life.types(everything)}


def _look(life: Life, stage: str = "main", region: str = REGION) -> Seen:
    statuses = life.statuses(stage, region)
    look: Seen = {
        "statuses": statuses,
        "names": life.named(stage, region),
        "tags": life.tagged(stage, region),
        "filters": life.filters() if region == REGION else set(),
    }
    if "data" in statuses:
        look["data"] = life.resources(f"tracelake-{stage}-data", region)
        look["messages"] = life.messages(stage) if region == REGION else []
    if "ingest" in statuses and statuses["ingest"] != "ROLLBACK_COMPLETE":
        look["tenant keys"] = life.environment("normalize", stage, region)["TENANT_KEYS"]
    return look


def _left(look: Seen) -> dict[str, set[str]]:
    return {kind: names for kind, names in look["names"].items() if names}


ALL = {"data", "ingest", "insight"}


def test_the_first_deployment_makes_everything_and_a_line_is_a_row(seen: Seen) -> None:
    first = seen["first"]
    assert first["statuses"] == dict.fromkeys(ALL, "CREATE_COMPLETE")
    assert first["messages"] == ["first"]
    assert first["filters"] == {"tracelake-main"}


def test_the_scan_by_name_finds_something_of_every_kind(seen: Seen) -> None:
    assert [kind for kind, names in seen["first"]["names"].items() if not names] == []


def test_a_failed_update_says_why_and_leaves_everything_as_it_was(seen: Seen) -> None:
    before, after = seen["first"], seen["rolled back"]
    assert "of-nobody" in after["error"]
    assert after["statuses"] == {**before["statuses"], "ingest": "UPDATE_ROLLBACK_COMPLETE"}
    for what in ("tenant keys", "names", "data", "messages", "filters"):
        assert after[what] == before[what], what


def test_changed_settings_arrive_after_a_failed_update_and_nothing_that_holds_data_is_replaced(seen: Seen) -> None:
    before, after = seen["first"], seen["changed"]
    assert set(after["statuses"].values()) == {"UPDATE_COMPLETE"}
    assert after["tenant keys"] == "org" != before["tenant keys"]
    assert after["data"] == before["data"]
    assert after["messages"] == before["messages"]


def test_a_failed_first_deployment_leaves_the_data_stack_alone_and_is_simply_repeated(seen: Seen) -> None:
    failed, then = seen["dev failed"], seen["dev"]
    assert failed["statuses"] == {"data": "CREATE_COMPLETE", "ingest": "ROLLBACK_COMPLETE"}
    assert not failed["names"]["function"] | failed["names"]["log group"] | failed["names"]["stream"]
    assert set(then["statuses"]) == ALL
    assert "ROLLBACK_COMPLETE" not in then["statuses"].values()
    assert then["data"] == failed["data"]


def test_a_second_stage_lives_beside_the_first_and_both_hear_the_same(seen: Seen) -> None:
    main, dev = seen["beside dev"], seen["dev"]
    assert main["filters"] == dev["filters"] == {"tracelake-main", "tracelake-dev"}
    assert main["messages"] == ["first", "second"]
    assert dev["messages"] == ["second"]
    assert main["names"] == seen["changed"]["names"]
    assert not main["tags"] & dev["tags"]


def test_the_same_stage_lives_in_a_second_region_without_a_global_name_of_the_first(seen: Seen) -> None:
    here, there = seen["beside dev"], seen["elsewhere"]
    assert there["statuses"] == dict.fromkeys(ALL, "CREATE_COMPLETE")
    for kind in ("bucket", "dashboard"):
        assert len(there["names"][kind]) == 2
        assert not there["names"][kind] & here["names"][kind], f"an account has one {kind} of a name in all regions"


def test_removing_keeps_the_data_stack_and_removes_everything_else(seen: Seen) -> None:
    before, after = seen["beside dev"], seen["removed"]
    assert set(after["statuses"]) == {"data"}
    assert after["filters"] == {"tracelake-dev"}
    assert after["data"] == before["data"]
    assert after["messages"] == ["first", "second"]
    kept = {"bucket", "state table", "database", "Glue table", "workgroup", "parameter"}
    assert _left(after) == {
        kind: {name for name in before["names"][kind] if "topic" not in name and "dashboard" not in name}
        - ({"/tracelake/main/stream"} if kind == "parameter" else set())
        for kind in kept
    }


def test_what_is_deployed_again_goes_on_with_the_data_that_stayed(seen: Seen) -> None:
    before, after = seen["removed"], seen["again"]
    assert set(after["statuses"]) == ALL
    assert after["data"] == before["data"]
    assert after["messages"] == ["first", "second", "third"]
    assert _left(after) == _left(seen["first"])


def test_data_is_not_deleted_before_what_writes_it_nor_without_the_name_of_the_stage(seen: Seen) -> None:
    early, unsure = seen["too early"], seen["not sure"]
    assert early.returncode == 1
    assert "still has its insight and ingest stack" in early.stderr
    assert unsure.returncode == 1
    assert "nothing was deleted" in unsure.stderr
    assert seen["still there"]["messages"] == ["first", "second", "third"]


def test_nothing_is_found_by_name_or_tag_after_the_data_is_deleted_but_keys_that_wait_for_their_end(seen: Seen) -> None:
    deleted, gone = seen["deleted"], seen["gone"]
    assert deleted.returncode == 0, deleted.stderr
    assert gone["statuses"] == {}
    assert _left(gone) == {}
    assert gone["filters"] == {"tracelake-dev"}
    assert {arn.split(":")[2] for arn in gone["tags"]} <= {"kms"}


def test_the_end_of_one_stage_is_nothing_to_another(seen: Seen) -> None:
    before, after = seen["dev"], seen["dev after main"]
    assert after["names"] == before["names"]
    assert after["messages"] == ["second", "third", "unheard"]


def test_rows_of_old_files_are_found_beside_new_ones_without_the_columns_they_lack(seen: Seen) -> None:
    for name, ((rows, known), (rows_before, known_before)) in seen["old files"].items():
        assert rows > rows_before, name
        assert known == known_before, name
    assert seen["old files"]["logs"][1][0] > 0, "there are new ones"


def _listed(*here: str) -> set[str]:
    """Type and property of the differences of these kinds, as one word each."""
    return {f"{each.type}.{name}" for each in differences.load() if each.here in here for name in each.properties}


def test_every_property_that_the_emulator_does_not_look_at_is_listed_and_no_other(seen: Seen) -> None:
    own = {kind: note for kind, note in seen["notes"].items() if kind in seen["types of templates"]}
    dropped = {f"{kind}.{name}" for kind, note in own.items() for name in note["unseen"]}
    assert dropped - _listed("dropped") == set(), "add these to local/differences.toml, with what proves them instead"
    assert _listed("dropped") - dropped == set(), "the emulator does look at these: remove them from the list"


def test_every_type_that_the_emulator_refuses_is_listed(seen: Seen) -> None:
    own = {kind for kind in seen["types of templates"] if not kind.startswith("Custom::")}
    refused = {each.type for each in differences.load() if each.here == "refused"}
    assert own - set(seen["types"]) == refused


def test_what_is_said_to_have_no_effect_or_to_be_replaced_is_in_the_templates(seen: Seen) -> None:
    given = {f"{kind}.{name}" for kind, note in seen["notes"].items() for name in note["given"]}
    custom = {entry for entry in _listed("no effect", "replaced") if entry.startswith("Custom::")}
    assert _listed("no effect", "replaced") - custom - given == set()


def test_a_property_that_nobody_looks_at_is_noticed() -> None:
    properties = {"Name": "n", "Rules": [{"Days": 1, "Prefix": "p"}], "Kept": {"A": 1}, "Dropped": {"B": 2}}
    watched = Watched(properties)
    assert watched["Name"] == "n"
    assert [rule["Days"] for rule in watched["Rules"]] == [1]
    assert json.loads(json.dumps(watched["Kept"])) == {"A": 1}
    assert set(unseen(watched)) == {"Rules.Prefix", "Dropped"}
    assert set(given(properties)) >= {"Rules", "Rules.Days", "Kept.A", "Dropped.B"}
