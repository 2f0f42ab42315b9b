"""What rules on a set of logs ask of each."""
