"""What lies next to a run's log, read within limits: nothing is executed, no link followed."""
