"""The texts of a bundle, written from templates and from the runs."""
