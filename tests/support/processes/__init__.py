"""Processes that a test starts and waits for, one or several at a time."""
