"""The checked runs of a submission, and their statistics."""
