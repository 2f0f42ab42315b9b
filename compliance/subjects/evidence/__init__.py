"""The files next to a run's log, read within limits: executes nothing, follows no link."""
