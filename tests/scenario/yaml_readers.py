"""Both parsers of PyYAML, and short ways to read with them: shared by the tests of YAML."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from simulator.scenario.yaml_nodes import ListNode, MapNode, Node, ScalarNode
from simulator.scenario.yaml_source import read_yaml

PURE = yaml.SafeLoader
LOADERS = [pytest.param(PURE, id="python")]
if hasattr(yaml, "CSafeLoader"):
    LOADERS.append(pytest.param(yaml.CSafeLoader, id="libyaml"))

both = pytest.mark.parametrize("loader", LOADERS)


def plain(node: Node | None) -> Any:
    if isinstance(node, MapNode):
        return {key.text: plain(value) for key, value in node.entries}
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    assert isinstance(node, ScalarNode)
    return node.value


def read(text: str | bytes, loader: Any) -> Any:
    root, problems = read_yaml(text, "f", loader=loader)
    assert problems == []
    return plain(root)


def complaints(text: str | bytes, loader: Any) -> list[str]:
    return [str(problem) for problem in read_yaml(text, "f", loader=loader)[1]]
