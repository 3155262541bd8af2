"""Figures that tests measure, kept for the README: one line of JSON each in the file that SANDBOX_FIGURES names.

Without that variable nothing is written. `make figures` runs the suites and prints the table from them.
"""

import json
import os


def record_figure(name: str, value: float | str, unit: str = "", source: str = "") -> None:
    """Note one figure; the last one of a name counts. `source` says where it was measured, such as a test file."""
    path = os.environ.get("SANDBOX_FIGURES")
    if path:
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - appended by several processes, a line each
            file.write(json.dumps({"name": name, "value": value, "unit": unit, "source": source}) + "\n")
