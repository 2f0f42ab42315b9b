"""The fields of a configuration, and the files that hold them. Imports core and record."""
