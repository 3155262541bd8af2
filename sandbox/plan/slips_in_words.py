"""Slips of single words and signs: misspelt keywords, the quotes, signs and numbers of other languages."""

import difflib
import re

from sqlglot.tokenizer_core import TokenType

from sandbox.plan.slip import Slip, Stuck

_KEYWORDS = (
    "select",
    "from",
    "where",
    "group",
    "having",
    "order",
    "limit",
    "join",
    "between",
    "union",
    "distinct",
    "qualify",
)
_SIGNS = (("=>", ">="), ("=<", "<="), ("= =", "="), ("= >", ">="), ("= <", "<="), ("&&", "and"), ("<=>", "="))
_WORDS_AROUND = 3
"""How many words before the place where reading failed may be the one that was misspelt."""


def strange_quotes(stuck: Stuck) -> Slip | None:
    """`names` of MySQL and [names] of SQL Server: all of them at once."""
    if "`" in stuck.sql:
        place = stuck.sql.index("`")
        end = stuck.sql.find("`", place + 1)
        detail = "Names stand in double quotes, where they need any; backticks mean nothing here."
        plain = re.sub(r"`([^`]*)`", _name_of, stuck.sql)
        return Slip(detail, place, (end if end > 0 else place) + 1, (plain,))
    found = re.search(r"\[(\w+)\]", stuck.sql)
    if found is not None and stuck.token.token_type in (TokenType.L_BRACKET, TokenType.R_BRACKET, TokenType.DOT):
        detail = "Names stand in double quotes, where they need any; square brackets mean nothing here."
        return Slip(detail, found.start(), found.end(), (re.sub(r"\[([^\[\]]*)\]", _name_of, stuck.sql),))
    return None


def _name_of(found: re.Match[str]) -> str:
    name = found.group(1)
    return name if name.isidentifier() and name.islower() else f'"{name}"'


def other_signs(stuck: Stuck) -> Slip | None:
    """Signs of other languages, at the place or just before it."""
    near = max(0, stuck.token.start - 4)
    for wrong, right in _SIGNS:
        place = stuck.sql.find(wrong, near, stuck.token.end + 3)
        if place >= 0:
            end = place + len(wrong)
            return Slip(f"This sign is written {right}.", place, end, (stuck.replaced(place, end, right),))
    return None


def top(stuck: Stuck) -> Slip | None:
    """SELECT TOP 10."""
    word = stuck.before()
    if word is None or word.text.lower() != "top" or stuck.token.token_type is not TokenType.NUMBER:
        return None
    rest = stuck.sql[: word.start] + stuck.sql[stuck.token.end + 1 :].lstrip()
    detail = "TOP is not available: LIMIT at the end of the query says how many lines."
    return Slip(detail, word.start, stuck.token.end + 1, (f"{rest.rstrip(' ;')} limit {stuck.token.text}",))


def between_comma(stuck: Stuck) -> Slip | None:
    """BETWEEN 1, 3."""
    if stuck.token.token_type is not TokenType.COMMA:
        return None
    if not any(token.token_type is TokenType.BETWEEN for token in stuck.tokens[max(0, stuck.at - 3) : stuck.at]):
        return None
    token = stuck.token
    return Slip(
        "BETWEEN takes two bounds joined by AND.",
        token.start,
        token.end + 1,
        (stuck.replaced(token.start, token.end + 1, " and"),),
    )


def number_marks(stuck: Stuck) -> Slip | None:
    """1,000 and 5%."""
    found = next(
        (
            item
            for item in re.finditer(r"\b\d{1,3}(,\d{3})+\b", stuck.sql)
            if item.start() <= stuck.token.end <= item.end() + 2
        ),
        None,
    )
    if found is not None:
        detail = "Numbers are written without commas."
        return Slip(
            detail, found.start(), found.end(), (stuck.replaced(*found.span(), found.group().replace(",", "")),)
        )
    before = stuck.before()
    if stuck.token.text == "%" and before is not None and before.token_type is TokenType.NUMBER:
        detail = "Percentages are written as numbers: 0.05 for five per cent."
        share = (
            f"{float(before.text) / 100:g}"
            if before.text.replace(".", "", 1).isdigit() and len(before.text) < 9
            else "0.05"
        )
        place = before.start, stuck.token.end + 1
        return Slip(detail, *place, (stuck.replaced(*place, share),))
    return None


def misspelt_word(stuck: Stuck) -> Slip | None:
    """A keyword with a slip in it, at the place or a few words before; and GROUP or ORDER without BY."""
    for back in range(_WORDS_AROUND + 1):
        token = stuck.before(back) if back else stuck.token
        if (
            token is None
            or token.token_type not in (TokenType.VAR, TokenType.ALIAS, TokenType.FORMAT)
            or len(token.text) < 3
        ):
            continue
        word = token.text.lower()
        following = stuck.tokens[stuck.at - back + 1] if stuck.at - back + 1 < len(stuck.tokens) else None
        if word in ("group", "order") and following is not None and following.text.lower() != "by":
            detail = f"The clause is {word.upper()} BY."
            return Slip(detail, token.start, token.end + 1, (stuck.put(token.end + 1, "by"),))
        called = following is not None and following.token_type is TokenType.L_PAREN
        near = difflib.get_close_matches(word, _KEYWORDS, 1, 0.6) if not called else []
        if near and word not in _KEYWORDS:
            mended = stuck.replaced(token.start, token.end + 1, near[0])
            return Slip(f"Did you mean {near[0].upper()}?", token.start, token.end + 1, (mended,))
    return None


def minus(stuck: Stuck) -> Slip | None:
    """MINUS of Oracle."""
    token = next(
        (token for token in (stuck.token, stuck.before()) if token is not None and token.text.lower() == "minus"), None
    )
    if token is None:
        return None
    detail = "MINUS and EXCEPT are not available: ask each query by itself."
    return Slip(detail, token.start, token.end + 1, (stuck.sql[: token.start].rstrip(),))


def mod(stuck: Stuck) -> Slip | None:
    """`a MOD b` of other systems."""
    token = stuck.token
    if token.text.lower() != "mod":
        return None
    return Slip(
        "The remainder is written a % b.",
        token.start,
        token.end + 1,
        (stuck.replaced(token.start, token.end + 1, "%"),),
    )


def bare_pattern(stuck: Stuck) -> Slip | None:
    """LIKE F% without quotation marks."""
    before, word = stuck.before(), stuck.before(2)
    if (
        stuck.token.text != "%"
        or before is None
        or word is None
        or word.token_type not in (TokenType.LIKE, TokenType.ILIKE)
    ):
        return None
    place = before.start, stuck.token.end + 1
    detail = "A text stands in single quotes."
    return Slip(detail, *place, (stuck.replaced(*place, f"'{before.text}%'"),))


def strange_clause(stuck: Stuck) -> Slip | None:
    """What follows a whole query, and a word that is too many."""
    token = stuck.token
    if token.text.lower() in ("option", "sort", "cluster", "settings", "format"):
        detail = "This clause is not available here."
        return Slip(detail, token.start, token.end + 1, (stuck.sql[: token.start].rstrip(),))
    return None
