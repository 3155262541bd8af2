"""S29: packages in other bytes, or other packages, than those reviewed: every requirement is pinned, with hashes.

Controls: a list with one hash, one version or one package's line changed is found.
"""

import re
from pathlib import Path

import pytest

LISTS = sorted((Path(__file__).parents[2] / "requirements").glob("*.txt"))
_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[a-z,]+\])?==[0-9][^\s;]*( ; .+)?")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def faults(text: str) -> list[str]:
    """Requirements of a list that are not pinned to a version and to the bytes of its files."""
    joined = re.sub(r"\\\n\s*", " ", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")))
    found = []
    for line in joined.splitlines():
        if not line.strip():
            continue
        name, *hashes = line.split(" --hash=")
        pinned = _PINNED.fullmatch(name.strip()) and "://" not in line and " @ " not in line
        if not pinned or not hashes or any(not _HASH.fullmatch(f"--hash={item.strip()}") for item in hashes):
            found.append(name.strip())
    return found


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_every_requirement_is_pinned_to_its_bytes(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("==") >= 1
    assert faults(text) == []


HARMS = {
    "no hash": lambda text: re.sub(r" \\\n    --hash=sha256:[0-9a-f]{64}", "", text),
    "a short hash": lambda text: text.replace("--hash=sha256:", "--hash=sha256:x", 1),
    "another algorithm": lambda text: text.replace("sha256:", "md5:", 1),
    "any version": lambda text: text.replace("==", ">=", 1),
    "an address": lambda text: text + "evil @ https://evil.example/evil.whl\n",
    "another index": lambda text: "--extra-index-url https://evil.example\n" + text,
    "one package more": lambda text: text + "requestz\n",
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_control_a_harmed_list_is_found(path: Path, harm) -> None:
    assert faults(harm(path.read_text("utf-8")))
