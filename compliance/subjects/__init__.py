"""What rules judge, each read once: logs, system descriptions, configurations, trees, archives."""
