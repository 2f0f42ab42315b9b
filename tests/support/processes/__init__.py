"""Processes that a test starts and waits for."""
