"""The snippets of `docs/clients.md` are the programs in `examples`, word for word."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^<!-- (\S+) -->\n```\w+\n(.*?)\n```$", PAGE, re.DOTALL | re.MULTILINE)
REGION = re.compile(
    r"^[ \t]*(?://|#) doc: begin\n(.*?)^[ \t]*(?://|#) doc: end$", re.DOTALL | re.MULTILINE
)


def test_every_language_has_its_snippet() -> None:
    languages = {Path(path).parts[1] for path, _ in SNIPPETS}
    assert languages == {"go", "csharp", "java", "node", "python"}


@pytest.mark.parametrize(("path", "snippet"), SNIPPETS, ids=[path for path, _ in SNIPPETS])
def test_snippet_is_the_example(path: str, snippet: str) -> None:
    region = REGION.search((ROOT / path).read_text(encoding="utf-8"))
    assert region is not None, f"{path} has no `doc: begin` and `doc: end`"
    assert snippet == textwrap.dedent(region.group(1)).strip("\n")
