"""Fetch the observed scenes from their public bucket, verified and resumable. Imports core."""
