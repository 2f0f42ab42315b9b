"""Good logs, edits of their text, and reports on them."""
