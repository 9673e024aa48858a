"""Code generated from proto/simulator/v1 by proto/generate.py. Do not edit."""
