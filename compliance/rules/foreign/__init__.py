"""Rules for published logs of MLPerf HPC and Training."""
