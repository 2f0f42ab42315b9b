"""Rules on the files next to a run's log: none may contradict the log."""
