"""Patches of the training scenes on disk, cut once and shared by runs. Imports core and scenes."""
