"""Prints the lower bounds of the dependencies as pip constraints: name==version, one a line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"

for requirement in tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]:
    bound = re.match(r"([\w.-]+)>=([\w.]+)", requirement)
    if bound is None:
        raise SystemExit(f"no lower bound: {requirement}")
    print(f"{bound[1]}=={bound[2]}")
