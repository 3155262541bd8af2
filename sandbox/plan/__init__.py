"""Floor 1: SQL text becomes one of the closed set of answerable plans, or a refusal with its place in the text."""
