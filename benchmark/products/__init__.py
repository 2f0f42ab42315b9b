"""Sentinel-3 SLSTR level-1 products (.SEN3): read as distributed, made into scenes of the dataset's form."""
