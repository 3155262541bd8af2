"""Floor 3: one file a use case. Talks to ports only."""
