"""Rules on what lies next to the log of a run: nothing there may contradict the log."""
