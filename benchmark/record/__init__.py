"""What a run leaves behind: events, log, intervals, telemetry, facts about the node. Imports core."""
