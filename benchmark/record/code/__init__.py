"""Which commit the code is, in and outside of a git checkout."""
