"""Brokers that fail on purpose: which request a rule hits, and what becomes of it then."""
