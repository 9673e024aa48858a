"""The script language as a JSON Schema, for editors: made from the parser's own tables.

`script.schema.json` beside this module is what this prints; `python -m simulator.scenario.schema`
writes it anew, and a test fails when it is stale. Draft 7 is what editors know best. The schema
checks shapes; what takes more (names of users, templates, the catalogue) the parser checks alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simulator.scenario.parser.document import FRAGMENT
from simulator.scenario.parser.expectations import EXPECTATION
from simulator.scenario.parser.kinds import DEFINITIONS
from simulator.scenario.parser.people import WHO_DEFINITION
from simulator.scenario.parser.steps import STEP, STEP_LIST

FILE = Path(__file__).with_name("script.schema.json")


def script_schema() -> dict[str, Any]:
    """The schema of a script. Fragments are scripts too, so no key is required."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "urn:chat-event-simulator:script",
        "title": "Chat event simulator script",
        "description": "A story: who is in it, what happens, and what must come of it.",
        **FRAGMENT.schema(),
        "definitions": {
            **DEFINITIONS,
            "who": WHO_DEFINITION,
            "steps": STEP_LIST.definition(),
            "step": STEP.definition(),
            "expectation": EXPECTATION.definition(),
        },
    }


def schema_text() -> str:
    """The schema as it is shipped."""
    return json.dumps(script_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema_text(), encoding="utf-8", newline="\n")
