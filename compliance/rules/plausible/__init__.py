"""Rules on whether a complete log can be true: what its events say together."""
