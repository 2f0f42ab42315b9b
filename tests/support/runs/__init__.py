"""Run folders, typed by hand or made by the program, and the checkouts that contain them."""
