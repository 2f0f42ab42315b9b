"""Descriptions of systems: measured, shipped, completed by a site."""
