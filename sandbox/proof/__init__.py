"""Floor 2: Merkle tree, checkpoints, canonical entries, signing and sealing. The offline verifier needs nothing else."""
