"""Files that a run writes and a later one reads: upstream traffic, the log of the state."""
