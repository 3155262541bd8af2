"""Write the golden OpenAPI document: `python tests/unit/http/write_openapi.py`."""

import json
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TESTS))

from face_world import World, app_of  # noqa: E402

text = json.dumps(app_of(World()).openapi(), indent=1, sort_keys=True) + "\n"
(TESTS / "golden" / "openapi.json").write_text(text, "utf-8")
