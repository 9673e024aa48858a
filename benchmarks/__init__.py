"""Measurements of the simulator, each in a process of its own: `python -m benchmarks`."""
