"""report.html: one file for the reviewer."""
