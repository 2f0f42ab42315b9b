"""What a run leaves behind: events, log, intervals, telemetry, facts of the node. Imports core."""
