"""What set rules need to know about each log."""
