"""What deployed functions called in the tests of this session, their roles allow; the emulator allows everything."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
from on_the_emulator import CALLS, NAMES, NO_TABLE, Deployed, wait_for

sys.path.append(str(Path(__file__).parents[1] / "infrastructure"))

from authorization.calls import Call, needs
from authorization.deployment import Deployment
from authorization.engine import Request, why_not

EVENTS = Path(__file__).parents[1] / "events"


def _calls(deployed: Deployed) -> list[Call]:
    lines = (deployed.emulator.folder / CALLS).read_text().splitlines()
    found = [json.loads(line) for line in lines]
    own = f"{NAMES.prefix}-"
    calls = [Call(name.removeprefix(own).replace("-", "_"), *call) for name, *call in found if name.startswith(own)]
    return [call for call in calls if call.params.get("TableName") != NO_TABLE]


@pytest.fixture(scope="module")
def stacks(deployed: Deployed) -> Deployment:
    """The templates that were deployed, with the names that the deployment gave."""
    paths = deployed.emulator.folder.glob(f"cdk.out-*/{NAMES.prefix}-*.template.json")
    templates = {path.name.split(".")[0]: json.loads(path.read_text()) for path in sorted(paths)}
    parameters = {"Lake": "lake-bucket", "DeadLetters": "dead-letter-bucket", "State": "state-table"}
    return Deployment(templates, {id: deployed.parameter(name) for id, name in parameters.items()})


def test_what_functions_call_is_allowed(deployed: Deployed, stacks: Deployment) -> None:
    deployed.log("/aws/lambda/permissions", [(int(time.time() * 1000), "a line")])
    deployed.invoke("notify", json.loads((EVENTS / "alarm_with_metric_math.json").read_text()))
    deployed.invoke("widgets", {"widget": "top_customers"})
    deployed.invoke("widgets", {"widget": "customer", "customer": "acme"})
    for name in ("compact", "detect", "check_delivery", "create_partitions", "snapshot_configuration"):
        deployed.invoke(name)
    wait_for(lambda: any(call.function == "normalize" for call in _calls(deployed)))

    calls = _calls(deployed)

    assert {call.function for call in calls} >= set(stacks.roles) - {"record_poison"}
    asked = {
        (why_not(request), stacks.allows(request))
        for call in calls
        for action, resource, context in needs(call, stacks)
        for request in [Request(stacks.roles[call.function], action, resource, context)]
    }
    assert len(asked) > 40
    assert [why for why, allowed in sorted(asked) if not allowed] == []
