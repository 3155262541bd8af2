"""Relations over one bucket: the rows of each unit, made from its own rows and public tables, a batch of units at a time."""
