"""The benchmark: train and score a cloud mask on Sentinel-3 SLSTR scenes and log it."""
