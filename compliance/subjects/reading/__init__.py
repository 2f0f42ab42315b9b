"""Turn the bytes of a log into lines and events in bounded memory."""
