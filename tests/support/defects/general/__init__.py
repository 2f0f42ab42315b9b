"""Defects that can be planted in any good log, grouped by the event or field that they damage."""
