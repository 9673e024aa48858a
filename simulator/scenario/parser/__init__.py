"""Scripts in YAML to the data that the engine plays, or to a list of what is wrong with them."""

from simulator.scenario.parser.loading import load_script, parse_script, validate_file

__all__ = ["load_script", "parse_script", "validate_file"]
