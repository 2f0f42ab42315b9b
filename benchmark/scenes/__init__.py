"""Scenes as arrays: reading, geometry, scores, baselines. NumPy only; imports core."""
