"""The doors of the simulator: each serves the same log over one protocol."""
