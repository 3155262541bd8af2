"""Floor 2: sensitivity, choice and scale of mechanism, accuracy, accounting. Pure laws in exact arithmetic."""
