"""Tools for the documentation: generated references, code blocks, the tutorial, pictures."""
