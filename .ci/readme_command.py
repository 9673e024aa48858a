"""Prints one of the README's two commands, so that CI runs what the README says.

python3 .ci/readme_command.py demo|tests
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def main() -> int:
    """Prints the command in the block behind `<!-- command: NAME -->`."""
    (name,) = sys.argv[1:]
    block = re.search(
        rf"^<!-- command: {re.escape(name)} -->\n```sh\n(.+)\n```$",
        README.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    if block is None:
        print(f"README.md has no one-line block behind <!-- command: {name} -->", file=sys.stderr)
        return 1
    print(block[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
