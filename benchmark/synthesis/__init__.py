"""The embedded dataset: simulated scenes in the dataset's format. Imports core and scenes."""
