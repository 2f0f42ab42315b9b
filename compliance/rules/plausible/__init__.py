"""Rules on whether a complete log can be true: whether its events fit together."""
