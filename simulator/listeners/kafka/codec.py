"""How the codec is loaded."""

from __future__ import annotations

import builtins
import sys
from importlib.util import find_spec, module_from_spec
from typing import Any, Final

_TYPES: Final = "kio.static._phantom"


def load_codec_types() -> None:
    """Load the codec's base types without hypothesis, to be called before the rest of the codec.

    Where hypothesis is installed, they register strategies with it: that takes a third of a second,
    several where its tables are not cached, and leaves a directory where the program was started.
    The one module alone is kept from finding it; nobody else is affected.
    """
    if _TYPES in sys.modules:
        return
    spec = find_spec(_TYPES)
    if spec is None or spec.loader is None:
        return  # a codec without that module has no need of this
    module = module_from_spec(spec)
    vars(module)["__builtins__"] = {**vars(builtins), "__import__": _import_without_hypothesis}
    sys.modules[_TYPES] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[_TYPES]
        raise


def _import_without_hypothesis(name: str, *rest: Any) -> Any:
    if name.partition(".")[0] == "hypothesis":
        raise ImportError(name)
    return builtins.__import__(name, *rest)
