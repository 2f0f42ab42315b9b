"""How the bytes of a log become lines and events in bounded memory."""
