"""Contradictions between a run's log and the files next to it, each with the one rule that catches it."""
