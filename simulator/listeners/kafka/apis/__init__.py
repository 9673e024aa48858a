"""The APIs of the broker, one file for each API key."""

from simulator.listeners.kafka.codec import load_codec_types

load_codec_types()
