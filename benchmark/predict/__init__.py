"""Make cloud masks of products and scenes with the method of a finished run."""
