"""System descriptions: measured, shipped, completed by a site."""
