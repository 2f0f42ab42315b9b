"""Verify a bundle: hashes, rules, all numbers recomputed, a run repeated."""
