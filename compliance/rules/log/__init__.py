"""Rules on one log."""
