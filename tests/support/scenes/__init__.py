"""Small scenes: products, synthetic datasets, and stores staged from them."""
