"""Folders of runs, typed by hand or made by the program, and the checkouts that they are in."""
