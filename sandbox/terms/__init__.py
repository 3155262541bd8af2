"""Floor 0: the vocabulary. Frozen values, exact numbers, the closed set of refusals. No I/O, no clock."""
