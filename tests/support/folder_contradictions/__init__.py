"""Contradictions between the log of a run and what lies next to it, each of which one rule must catch."""
