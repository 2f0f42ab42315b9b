"""Compare methods: turn the logs of their runs into one table, its figure, and paired differences.

Imports core and record.
"""
