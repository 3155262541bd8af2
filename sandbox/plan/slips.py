"""Texts that cannot be read as SQL: which slip of the pen it was, its place, and the text with it mended.

Nothing here decides what a query means: a mended text is a candidate for a rewrite, shown only where it compiles.
"""

import re
from collections.abc import Callable, Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from sandbox.plan import slips_in_order as order
from sandbox.plan import slips_in_words as words
from sandbox.plan.slip import Slip, Stuck

_NAMES = (TokenType.VAR, TokenType.IDENTIFIER)


def slip_of(sql: str, tokens: Sequence[Token], at: int) -> Slip:
    """The slip that makes the text unreadable at token number `at`; where none is known, only its place."""
    stuck = Stuck(sql, tokens, at)
    for finder in _FINDERS:
        found = finder(stuck)
        if found is not None:
            return found
    token = stuck.token
    return Slip("The text cannot be read as SQL from here on.", token.start, token.end + 1)


def tables_named(tokens: Sequence[Token]) -> tuple[exp.Table, ...]:
    """The tables that words after FROM and JOIN seem to name."""
    found: list[exp.Table] = []
    for number, token in enumerate(tokens):
        names = tokens[number + 1 : number + 4]
        if token.token_type not in (TokenType.FROM, TokenType.JOIN) or not names or names[0].token_type not in _NAMES:
            continue
        dotted = len(names) == 3 and names[1].token_type is TokenType.DOT
        parts = [names[2], names[0]] if dotted else [names[0]]
        named = [exp.to_identifier(part.text, quoted=part.token_type is _NAMES[1]) for part in parts]
        found.append(exp.Table(this=named[0], db=named[1] if dotted else None))
    return tuple(found)


def unclosed(sql: str, place: int) -> Slip:
    """A quotation or comment that begins at `place` and does not end."""
    detail = "A quotation or comment is not closed here."
    inner = re.search(r"'(\w+)'(\w+)'", sql)
    if inner is not None:  # 'O'Brien'
        detail = "A quotation mark within a text is written twice: 'O''Brien'."
        return Slip(detail, inner.start(), inner.end(), (sql[: inner.end(1)] + "''" + sql[inner.start(2) :],))
    quote = sql[place]
    if quote in "'\"":
        word = re.match(r"[\w.-]*", sql[place + 1 :])
        end = place + 1 + (word.end() if word is not None else 0)
        return Slip(detail, place, place + 1, (sql[:end] + quote + sql[end:], sql + quote))
    return Slip(detail, place, place + 1, (sql[:place].rstrip(),))


_FINDERS: tuple[Callable[[Stuck], Slip | None], ...] = (
    order.joins_alone,
    words.strange_quotes,
    words.top,
    words.number_marks,
    words.bare_pattern,
    words.other_signs,
    words.between_comma,
    words.minus,
    words.mod,
    words.strange_clause,
    order.open_case,
    words.misspelt_word,
    order.brackets,
    order.unfinished,
    order.clause_order,
    order.arguments,
    order.missing_comma,
)
