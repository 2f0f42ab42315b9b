"""Which commit the code belongs to, inside and outside a git checkout."""
