"""Submission trees and bundles, changes to them, and what their documents must say."""
