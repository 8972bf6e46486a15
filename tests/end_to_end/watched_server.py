"""The emulator, which also notes what it looks at of each template: `python -m tests.end_to_end.watched_server FILE`.

FILE is JSON: by resource type the properties that were given, and of these the ones that nobody looked at while a
resource was made. What is handed on whole counts as looked at.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack.services.cloudformation import provisioners

from local import server
from tests.end_to_end.watched import Watched, given, unseen


class Notes:
    """What was given, and what of it was not looked at, in a file that is whole at any time."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.given: dict[str, set[str]] = defaultdict(set)
        self.unseen: dict[str, set[str]] = defaultdict(set)

    def watch(self, kind: str, create: Callable[..., Any]) -> Callable[..., Any]:
        def watched(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
            if not stack.startswith("tracelake-"):  # that of `cdk bootstrap`
                return create(logical_id, properties, stack)
            seen = Watched(properties)
            made = create(logical_id, seen, stack)
            self.given[kind].update(given(properties))
            self.unseen[kind].update(unseen(seen))
            self.write()
            return made

        return watched

    def write(self) -> None:
        notes = {kind: {"given": sorted(self.given[kind]), "unseen": sorted(self.unseen[kind])} for kind in self.given}
        unfinished = self.file.with_suffix(".part")
        unfinished.write_text(json.dumps(notes))
        unfinished.rename(self.file)


class Watch:
    """Comes after the adapters of the local run, so that what they look at counts."""

    @staticmethod
    def install() -> None:
        notes = Notes(Path(sys.argv.pop()))  # the emulator reads arguments too
        for kind, handler in provisioners._RESOURCE_HANDLERS.items():
            if "create" in handler:
                handler["create"] = notes.watch(kind, handler["create"])
        notes.file.with_name("types.json").write_text(json.dumps(sorted(provisioners._RESOURCE_HANDLERS)))


if __name__ == "__main__":
    server.main((*server.ADAPTERS, Watch))
