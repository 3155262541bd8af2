"""A refusal as a person reads it: code, place, reason, advice, a rewrite where there is one, and what was spent."""

from sandbox.faces.cli.plain import json_text, neutral
from sandbox.faces.cli.talk import Talk
from sandbox.terms.refusal import AnswerPending, ProofFailed, ReviewPending, SandboxError, Withheld

_LONGEST_LINE = 200


def show(talk: Talk, error: SandboxError) -> None:
    """Print `error` to stderr."""
    if talk.as_json:
        talk.line(json_text(error.problem()))
        return
    chinese = talk.language == "zh"
    title = error.title_zh if chinese else error.title
    talk.line(f"✗ {error.code}  {title}", style="bold red")
    for line in _place(talk, error):
        talk.line(line)
    if error.detail != error.title:
        _labelled(talk, "reason", error.detail)
    allowed = error.facts.get("allowed")
    words = ", ".join(map(str, allowed)) if isinstance(allowed, list) else str(allowed or "")
    if words and words not in error.detail:
        _labelled(talk, "allowed", words)
    for fact, word in (("reason", "reviewers"), ("review", "review-id")):
        said = str(error.facts.get(fact) or "")
        if isinstance(error, Withheld | ReviewPending) and said and said not in error.detail:
            _labelled(talk, word, said)
    _labelled(talk, "advice", error.advice_zh if chinese else error.advice)
    if error.rewrite:
        _labelled(talk, "rewrite", error.rewrite)
    spent = _spent(talk, error)
    if spent:
        talk.line(spent, style="bold")


def _labelled(talk: Talk, word: str, text: str) -> None:
    lines = neutral(text, lines=True).split("\n")
    talk.line(f"  {talk.word(word)}: {lines[0]}")
    for line in lines[1:]:
        talk.line(f"    {line}")


def _spent(talk: Talk, error: SandboxError) -> str:
    """What the enclave said of the loss; what never left this machine says nothing of it."""
    spent = error.facts.get("spent")
    if spent is None or isinstance(error, ProofFailed):
        return ""
    if spent == "unknown":
        return talk.word("maybe-spent", key=error.facts.get("idempotency_key"))
    if spent != "0":
        return talk.word("stays-spent", amount=spent)
    # The answer to a question asked before: its loss was spent then.
    asked_before = isinstance(error, Withheld | ReviewPending | AnswerPending)
    return talk.word("nothing-more-spent" if asked_before else "nothing-spent")


def _place(talk: Talk, error: SandboxError) -> list[str]:
    """Where: the line of the caller's own text, with carets under the part that is meant."""
    if error.span is not None:
        line, column, length = error.span.line, error.span.column, error.span.length
        found = [f"  {talk.word('place', line=line, column=column)}"]
    else:
        fact = error.facts.get("line")
        if not isinstance(fact, int) or isinstance(fact, bool):
            return []
        line, column, length = fact, 1, 0
        found = [f"  {talk.word('line', line=line)}"]
    lines = talk.source.split("\n") if talk.source is not None else []
    if not (1 <= line <= len(lines) and 1 <= column <= len(lines[line - 1]) + 1):
        return found
    text = lines[line - 1]
    before, meant, after = (
        text[: column - 1],
        text[column - 1 : column - 1 + max(length, 0)],
        text[column - 1 + length :],
    )
    if len(before) > _LONGEST_LINE // 2:
        before = "…" + before[-_LONGEST_LINE // 2 :]
    meant, after = meant[:_LONGEST_LINE], after[: _LONGEST_LINE // 2]
    found.append(f"    {_flat(before)}{_flat(meant)}{_flat(after)}")
    if length > 0:
        found.append(f"    {' ' * _cells(before)}{'^' * max(1, _cells(meant))}")
    return found


def _flat(text: str) -> str:
    return neutral(text.replace("\t", " ").replace("\r", ""))


def _cells(text: str) -> int:
    """Columns on the screen: a Chinese character takes two."""
    from rich.cells import cell_len

    return cell_len(_flat(text))
