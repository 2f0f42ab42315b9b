"""Methods next to each other: their runs' logs become one table, its figure, and paired differences.

Imports core and record.
"""
