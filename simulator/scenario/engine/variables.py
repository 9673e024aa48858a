"""The variables of a play: the script's values, or those that the caller gives instead."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.scenario.engine.frame import Scope
from simulator.scenario.errors import PlayError
from simulator.scenario.script import Value
from simulator.scenario.templates import Renderer
from simulator.suggestions import closest, did_you_mean

_BOOLEANS = {"true": True, "false": False}


def bind_variables(
    declared: Mapping[str, Value], given: Mapping[str, object], names: Mapping[str, object]
) -> dict[str, object]:
    """Return the values of all variables, those within others filled in.

    A variable may use those declared before it, and `names`. Raises `PlayError` for a given one
    that the script does not declare, and `TemplateError`, also where they come to more than 1 MiB:
    those of the script are bounded, but a given one may be used by many.
    """
    for name in given:
        if name not in declared:
            hint = did_you_mean(closest(name, declared))
            known = f"; it has {', '.join(declared)}" if declared else "; it has none"
            raise PlayError(f"the script has no variable {name!r}{hint or known}")
    bound: dict[str, object] = {}
    own_values = Renderer(Scope(bound, names), "the variables are")
    given_values = Renderer({}, "the given variables are")
    for name, value in declared.items():
        own = own_values.render(value)
        if name in given:
            bound[name] = _as_declared(name, own, given_values.render(given[name]))
        else:
            bound[name] = own
    return bound


def _as_declared(name: str, own: object, given: object) -> object:
    """A given value, brought to the type of the script's own where its text or number says it.

    Command lines give texts, and protobuf's numbers are doubles.
    """
    if isinstance(own, bool):
        if isinstance(given, str) and given.lower() in _BOOLEANS:
            return _BOOLEANS[given.lower()]
    elif isinstance(own, int):
        if isinstance(given, str):
            try:
                return int(given)
            except ValueError:
                raise PlayError(
                    f"variable {name!r} is a whole number, and {given!r} is not"
                ) from None
        if isinstance(given, float) and given.is_integer():
            return int(given)
    elif isinstance(own, float) and isinstance(given, str):
        try:
            return float(given)
        except ValueError:
            raise PlayError(f"variable {name!r} is a number, and {given!r} is not") from None
    return given
