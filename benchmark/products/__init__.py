"""Read Sentinel-3 SLSTR level-1 products (.SEN3) as distributed, and make scenes in the dataset's format."""
