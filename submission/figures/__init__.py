"""The figures of the scientific contribution."""
