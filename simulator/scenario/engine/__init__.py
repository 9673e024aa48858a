"""Executes scripts: a discrete-event simulation that publishes what the story tells."""
