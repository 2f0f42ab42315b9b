"""Contradictions that no single event shows, each with the one rule that must catch it."""
