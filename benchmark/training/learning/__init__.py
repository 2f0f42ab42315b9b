"""How a method gets its weights or tables: the epochs of a network, one fit, or given masks."""
