"""The documentation's own tools: generated references, code blocks, the tutorial, pictures."""
