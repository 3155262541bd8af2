"""Floor 2: may X do Y, what may X see, and why. Pure functions over values."""
