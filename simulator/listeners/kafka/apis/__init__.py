"""The APIs of the broker, one file for each API key."""
