"""Findings as text, JSON, Markdown, SARIF and JUnit; the rules as documentation."""
