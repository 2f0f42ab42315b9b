"""Small scenes: products, synthetic datasets, and what staging makes of them."""
