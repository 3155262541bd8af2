"""Makes the examples beside the plan tests importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
