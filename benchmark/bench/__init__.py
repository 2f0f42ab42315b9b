"""Measure this machine and the program on it. Imports any room of the benchmark."""
