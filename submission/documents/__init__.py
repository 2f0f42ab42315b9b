"""The texts of a bundle, from templates and from the runs."""
