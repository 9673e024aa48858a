"""Recordings: what happened on a cluster, turned into a story without the people in it."""

from simulator.recording.actors import actors
from simulator.recording.pseudonyms import Pseudonyms
from simulator.recording.record_lines import NotARecord
from simulator.recording.steps import Recording, recording
from simulator.recording.story_writer import script_text, story
from simulator.recording.timing import Happening, Pace, happenings, in_order, placed, precision_of

__all__ = [
    "Happening",
    "NotARecord",
    "Pace",
    "Pseudonyms",
    "Recording",
    "actors",
    "happenings",
    "in_order",
    "placed",
    "precision_of",
    "recording",
    "script_text",
    "story",
]
