"""Floor 4: what people and programs see."""
