"""A review's copy as a person reads it: what was asked and why it is here first, then the noisy table."""

from typing import Any

from sandbox.faces.cli.shown import answer_cells, symbol
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.words import LANGUAGES
from sandbox.review.diagram import STATE_WORDS
from sandbox.review.states import State


def show_copy(talk: Talk, copy: dict[str, Any]) -> None:
    """Facts to stderr, the table to stdout; the whole document with --json."""
    table = copy.get("table") or {}
    names = [str(column.get("name")) for column in table.get("columns", [])]
    rows = [dict(zip(names, row, strict=False)) for row in table.get("rows", [])]
    intervals = {name: pairs for name, pairs in (table.get("intervals") or {}).items() if name in names}
    if not talk.as_json:
        talk.facts(_facts(talk, copy))
    if not talk.wants_table:
        talk.table(names, [list(row.values()) for row in rows], copy)
        return
    columns, cells, figures = answer_cells(talk, names, rows, intervals)
    talk.table(columns, cells, copy, figures)


def _facts(talk: Talk, copy: dict[str, Any]) -> list[tuple[str, object]]:
    cost, grant, chosen = copy.get("cost") or {}, copy.get("grant") or {}, talk.language
    asker = f"{copy.get('author')} ({copy.get('organisation')})"
    measured = {
        "dataset": copy.get("dataset"),
        "version": copy.get("data_version"),
        "grade": talk.named(copy.get("grade")),
    }
    facts: list[tuple[str, object]] = [
        (talk.word("ask"), _spoken(copy.get("sentence"), chosen)),
        (talk.word("analyst").capitalize(), asker),
        (talk.word("purpose"), copy.get("purpose")),
        (talk.word("need"), copy.get("need")),
        (talk.word("dataset").capitalize(), talk.word("dataset-words", **measured)),
        (talk.word("grant").capitalize(), _grant(talk, grant)),
        (talk.word("plan"), ("" if chosen == "zh" else " ").join((copy.get("plan") or {}).get(chosen) or [])),
        (talk.word("cost"), f"epsilon {cost.get('epsilon')} ({symbol(cost)} = {cost.get('amount')})"),
        (talk.word("bounds"), _bounds(talk, copy.get("bounds") or {})),
    ]
    facts += [(talk.word("check"), _check(talk, item)) for item in copy.get("checks", [])]
    facts += [(talk.word("vote"), _vote(talk, item)) for item in copy.get("votes", [])]
    facts += [(talk.word("state"), state_words(talk, copy.get("state"))), (talk.word("digest"), copy.get("digest"))]
    return [(label, value) for label, value in facts if value]


def _spoken(words: Any, language: str) -> object:
    """A text that comes in both languages, or in one."""
    return words.get(language) or words.get("en") if isinstance(words, dict) else words


def _check(talk: Talk, item: dict[str, Any]) -> str:
    outcome = str(item.get("outcome"))
    said = talk.word("hint" if outcome == "note" else outcome) if outcome in {"ok", "held", "note"} else outcome
    return f"{said}: {_spoken(item.get('words'), talk.language)} ({item.get('id')})"


def _bounds(talk: Talk, bounds: dict[str, Any]) -> str:
    named = {name: bounds.get(name) for name in ("rows", "groups", "rows_per_group")}
    return "" if None in named.values() else talk.word("bounds-words", **named)


def state_words(talk: Talk, state: object) -> str:
    """How a review stands, in a sentence; a state of another version of the sandbox as it is called."""
    name = str(state)
    words = STATE_WORDS[State(name)] if name in set(State) else (name, name)
    return words[LANGUAGES.index(talk.language)]


def _vote(talk: Talk, item: dict[str, Any]) -> str:
    verdict, when = talk.named(item.get("verdict")), talk.named(item.get("round"))
    return f"{item.get('reviewer')}: {talk.word('votes-cast', verdict=verdict, round=when, reason=item.get('reason'))}"


def _grant(talk: Talk, grant: dict[str, Any]) -> str:
    uses = grant.get("uses")
    return talk.word(
        "grant-words",
        grant=grant.get("id"),
        purpose=grant.get("purpose"),
        used=grant.get("used"),
        uses=talk.word("unlimited") if uses is None else uses,
        until=str(grant.get("not_after"))[:16].replace("T", " "),
    )
