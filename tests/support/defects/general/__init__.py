"""Defects that any good log can be given, each by the event or the field that it damages."""
