"""Make many runs from one file, on this machine or on Slurm. Imports core, record and config."""
