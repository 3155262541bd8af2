"""Floor 4: the ports made real."""
