"""Slips of order: brackets, commas, clauses and arguments that are missing, too many, or in the wrong place."""

from collections.abc import Iterator, Sequence

from sqlglot.tokenizer_core import Token, TokenType

from sandbox.plan.dialect_calls import same_call
from sandbox.plan.slip import Slip, Stuck

_CLAUSES = (TokenType.WHERE, TokenType.GROUP_BY, TokenType.HAVING, TokenType.ORDER_BY, TokenType.LIMIT)
_DANGLING = (
    TokenType.AND,
    TokenType.OR,
    TokenType.NOT,
    TokenType.WHERE,
    TokenType.HAVING,
    TokenType.ON,
    TokenType.COMMA,
)
_STOPS = (*_CLAUSES, TokenType.FROM, TokenType.UNION, TokenType.R_PAREN, TokenType.COMMA)

_WITHOUT_CONDITION = {"cross", "natural", "positional"}
_FEW_JOINS = 4


def joins_alone(stuck: Stuck) -> Slip | None:
    """Many JOINs without ON and USING: the parser tries each way in which later conditions could belong to them."""
    alone: list[int] = []
    for number, token in enumerate(stuck.tokens):
        if token.token_type is TokenType.JOIN and not _has_condition(stuck.tokens, number + 1):
            before = stuck.tokens[number - 1].text.lower() if number else ""
            alone += [number] if before not in _WITHOUT_CONDITION else []
    if len(alone) <= _FEW_JOINS:
        return None
    text = stuck.sql
    for number in reversed(alone):
        first = stuck.tokens[number - 1] if number else stuck.tokens[number]
        begin = first if first.text.lower() == "inner" else stuck.tokens[number]
        text = f"{text[: begin.start].rstrip()},{text[stuck.tokens[number].end + 1 :]}"
    token = stuck.tokens[alone[0]]
    detail = "Here are too many JOINs without ON and USING: give each its condition, or write commas."
    return Slip(detail, token.start, token.end + 1, (text,))


def _has_condition(tokens: Sequence[Token], begin: int) -> bool:
    """Whether ON or USING comes before the next JOIN of the same brackets, or their end."""
    depth = 0
    for number in range(begin, len(tokens)):
        token = tokens[number]
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if depth == 0 and token.token_type in (TokenType.ON, TokenType.USING):
            return True
        if depth < 0 or (depth == 0 and token.token_type in (TokenType.JOIN, TokenType.SELECT, *_CLAUSES)):
            return False
    return False


def unfinished(stuck: Stuck) -> Slip | None:
    """WHERE and AND with nothing after them."""
    before, last = stuck.before(), stuck.at == len(stuck.tokens) - 1
    token = stuck.token
    if last and token.token_type in _DANGLING:
        return Slip("Nothing follows this word.", token.start, token.end + 1, (stuck.sql[: token.start].rstrip(),))
    if (
        before is not None
        and before.token_type in _DANGLING
        and (token.token_type in _STOPS or before.token_type is TokenType.COMMA)
    ):
        return Slip("Nothing follows this word.", before.start, before.end + 1, (stuck.without(before),))
    return None


def open_case(stuck: Stuck) -> Slip | None:
    """CASE without END or without WHEN."""
    open_cases = [number for number, token in enumerate(stuck.tokens) if token.token_type is TokenType.CASE]
    if not open_cases:
        return None
    first = stuck.tokens[open_cases[-1]]
    kinds = [token.token_type for token in stuck.tokens[open_cases[-1] :]]
    if TokenType.WHEN not in kinds:
        return Slip("CASE has branches WHEN … THEN ….", first.start, first.end + 1, (stuck.put(first.end + 1, "when"),))
    if kinds.count(TokenType.END) == 0:
        depth, place = 0, len(stuck.sql)
        for token in stuck.tokens[open_cases[-1] :]:
            depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
            if depth < 0 or (depth == 0 and token.token_type in (TokenType.FROM, TokenType.COMMA, TokenType.ALIAS)):
                place = token.start
                break
        return Slip(
            "CASE ends with END.", first.start, first.end + 1, (stuck.put(place, "end").replace("end )", "end)"),)
        )
    return None


def brackets(stuck: Stuck) -> Slip | None:
    """A bracket too few or too many."""
    opened: list[Token] = []
    for token in stuck.tokens:
        if token.token_type is TokenType.L_PAREN:
            opened.append(token)
        elif token.token_type is TokenType.R_PAREN:
            if not opened:
                return Slip("This bracket closes none.", token.start, token.end + 1, (stuck.without(token),))
            opened.pop()
    if not opened:
        return None
    last = opened[-1]
    found = [
        f"{stuck.sql[: token.start].rstrip()}) {stuck.sql[token.start :]}"
        for token in stuck.tokens[stuck.tokens.index(last) + 1 :]
        if token.token_type in (TokenType.FROM, *_CLAUSES)
    ]
    return Slip("This bracket is not closed.", last.start, last.end + 1, (*found[:2], f"{stuck.sql.rstrip(' ;')})"))


def clause_order(stuck: Stuck) -> Slip | None:
    """FROM after WHERE, a second FROM, WITH without brackets, a comma before the query of WITH."""
    token, before = stuck.token, stuck.before()
    kinds = [item.token_type for item in stuck.tokens[: stuck.at]]
    if token.token_type is TokenType.FROM and TokenType.FROM in kinds:
        detail = "A query has one FROM: further tables are joined."
        return Slip(detail, token.start, token.end + 1, (stuck.sql[: token.start].rstrip(),))
    if token.token_type is TokenType.FROM and TokenType.WHERE in kinds:
        where = stuck.tokens[kinds.index(TokenType.WHERE)]
        moved = f"{stuck.sql[: where.start]}{stuck.sql[token.start :].rstrip(' ;')} {stuck.sql[where.start : token.start].rstrip()}"
        return Slip("WHERE stands after FROM.", where.start, where.end + 1, (moved,))
    if token.token_type is TokenType.SELECT and before is not None and before.token_type is TokenType.COMMA:
        return Slip("No comma stands before this query.", before.start, before.end + 1, (stuck.without(before),))
    if token.token_type is TokenType.SELECT and before is not None and before.token_type is TokenType.ALIAS:
        later = [item for item in stuck.tokens[stuck.at + 1 :] if item.token_type is TokenType.SELECT]
        closed = [f"{stuck.sql[: item.start].rstrip()}) {stuck.sql[item.start :]}" for item in later[:1]]
        mended = [text[: token.start] + "(" + text[token.start :] for text in closed]
        return Slip("The query of WITH stands in brackets.", token.start, token.end + 1, tuple(mended))
    return None


def arguments(stuck: Stuck) -> Slip | None:
    """A call whose closing bracket comes too early or too late: other arguments than the function takes."""
    if stuck.token.token_type is not TokenType.R_PAREN:
        return None
    depth = 0
    for number in range(stuck.at, 0, -1):
        kind = stuck.tokens[number].token_type
        depth += (kind is TokenType.R_PAREN) - (kind is TokenType.L_PAREN)
        if depth == 0:
            break
    else:
        return None
    name, opening = stuck.tokens[number - 1], stuck.tokens[number]
    if not name.text.isidentifier() or name.token_type in (TokenType.IN, *_STOPS):
        return None
    parts = list(_parts(stuck, number))
    word, place = name.text.lower(), (name.start, stuck.token.end + 1)
    detail = f"{word} does not take these arguments."
    forms = [form.format(*parts) for form in _FORMS.get((word, len(parts)), ())]
    same = same_call(word, parts)
    if same is not None:
        detail = same[1]
        forms.append(same[0])
    if word == "decode" and len(parts) > 4:
        pairs = parts[1:] if len(parts) % 2 else parts[1:-1]
        branches = " ".join(
            f"when {value} then {result}" for value, result in zip(pairs[::2], pairs[1::2], strict=True)
        )
        forms.append(f"case {parts[0]} {branches}{'' if len(parts) % 2 else f' else {parts[-1]}'} end")
    forms += [f"{word}({parts[0]})", f"{word}({parts[0]}, 2)", parts[0]] if parts else ["count(*)"]
    if opening.end + 1 > stuck.token.start and parts:
        return None
    return Slip(detail, *place, tuple(stuck.replaced(*place, form) for form in forms[:4]))


_FORMS: dict[tuple[str, int], tuple[str, ...]] = {
    ("datediff", 2): ("date_diff('day', {1}, {0})", "date_diff('day', cast({1} as date), {0})"),
    ("date_diff", 2): ("date_diff('day', {1}, {0})", "date_diff('day', cast({1} as date), {0})"),
    ("cast", 1): ("cast({0} as double)",),
    ("power", 1): ("power({0}, 2)",),
}


def _parts(stuck: Stuck, opening: int) -> Iterator[str]:
    """The arguments between an opening bracket and the place, as SQL text."""
    depth, start = 0, stuck.tokens[opening].end + 1
    for token in stuck.tokens[opening + 1 : stuck.at + 1]:
        closing = token is stuck.token
        if closing or (token.token_type is TokenType.COMMA and depth == 0):
            text = stuck.sql[start : token.start].strip()
            if text:
                yield text
            start = token.end + 1
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)


def missing_comma(stuck: Stuck) -> Slip | None:
    """A comma that is missing between two entries of a list, or a word that does not belong."""
    token, before = stuck.token, stuck.before()
    if before is None:
        return None
    if token.token_type is TokenType.L_PAREN and stuck.at >= 2 and before.text.isidentifier():
        detail = "A comma is missing before this word."
        extra = stuck.before(2)
        dropped = (stuck.without(extra),) if extra is not None and extra.token_type is TokenType.VAR else ()
        return Slip(detail, before.start, before.end + 1, (stuck.put(before.start, ",").replace(" ,", ","), *dropped))
    if token.token_type in (TokenType.NUMBER, TokenType.STRING) and before.token_type in (
        TokenType.NUMBER,
        TokenType.STRING,
    ):
        detail = "A comma is missing before this value."
        return Slip(detail, token.start, token.end + 1, (stuck.put(token.start, ",").replace(" ,", ","),))
    return None
