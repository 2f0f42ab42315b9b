"""The second opinion: the checker of mlperf_logging with our ruleset; and a proposal to it."""
