"""Verify a bundle: hashes, rules, every number computed again, a run repeated."""
