"""Write the page of attacks from the catalogue: `python tests/attacks/write_attacks.py`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from attack_counts import page  # noqa: E402

(HERE.parents[1] / "sandbox" / "docs" / "reference" / "attacks.md").write_text(page(), "utf-8")
