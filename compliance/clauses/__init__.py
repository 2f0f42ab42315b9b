"""The clauses that rules cite, quoted, with the editions of their texts. Imports nothing of ours."""
