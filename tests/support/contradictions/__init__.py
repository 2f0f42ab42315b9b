"""Contradictions that no single event reveals, each with the one rule that must catch it."""
