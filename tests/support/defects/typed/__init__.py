"""Defects typed by hand into one good log, with the findings that they must cause."""
