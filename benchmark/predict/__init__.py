"""Cloud masks of products and scenes, by what a finished run has learned."""
