"""Submission trees and bundles, changes to them, and the expected contents of their documents."""
