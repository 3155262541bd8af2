"""The data plane: its own process tree. Raw rows and keys of data live here and nowhere else."""
