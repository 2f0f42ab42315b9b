"""Many runs from one file, here or on Slurm. Imports core, record and config."""
