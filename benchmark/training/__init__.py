"""A run from its first event to its result. Imports every room above it."""
