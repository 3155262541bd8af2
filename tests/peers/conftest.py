"""The benchmark's table is made by the benchmark's own generator, which is not installed: the repository's root holds it."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
