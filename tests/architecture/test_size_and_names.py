"""Rooms stay small and are named after something."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for room in ("sandbox", "workers", "policies") for path in (ROOT / room).rglob("*.py")]
REFUSED = {
    "utils",
    "util",
    "helpers",
    "common",
    "core",
    "manager",
    "handler",
    "processor",
    "misc",
    "base",
    "data",
    "info",
}


def code_lines(path: Path) -> int:
    return sum(1 for line in path.read_text("utf-8").splitlines() if line.strip() and not line.strip().startswith("#"))


def test_no_module_is_a_giant() -> None:
    assert [str(path) for path in SOURCES if code_lines(path) > 500] == []


def test_no_room_is_named_after_nothing() -> None:
    named = {part for path in SOURCES for part in path.relative_to(ROOT).with_suffix("").parts}
    assert named & REFUSED == set()


def test_every_module_says_what_it_is() -> None:
    assert [str(path) for path in SOURCES if not path.read_text("utf-8").lstrip().startswith('"""')] == []
