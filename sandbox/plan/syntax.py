"""Which syntax passes: an allow-list of node types with their allowed parts, checked for every node and every part.

The parser knows far more SQL than is answered here. Whatever it fills in that this list does not name is refused, so no
part of a query is ever ignored. A second, independent check accounts for every token of the text.
"""

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from sandbox.plan.advice import unknown_node, unknown_part
from sandbox.plan.parse import Parsed, tables
from sandbox.plan.spans import Text, span_of
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.refusal import PlanNotSupported

_BINARY = frozenset({"this", "expression"})

ALLOWED: dict[type[exp.Expr], frozenset[str]] = {
    exp.Select: frozenset({"expressions", "from_", "where", "group"}),
    exp.From: frozenset({"this"}),
    exp.Table: frozenset({"this", "db", "alias"}),
    exp.TableAlias: frozenset({"this"}),
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Where: frozenset({"this"}),
    exp.Group: frozenset({"expressions"}),
    exp.Alias: frozenset({"this", "alias"}),
    exp.Column: frozenset({"this", "table", "db"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Boolean: frozenset({"this"}),
    exp.Null: frozenset(),
    exp.Star: frozenset(),
    exp.Paren: frozenset({"this"}),
    exp.Neg: frozenset({"this"}),
    exp.Not: frozenset({"this"}),
    exp.And: _BINARY,
    exp.Or: _BINARY,
    exp.EQ: _BINARY,
    exp.NEQ: _BINARY,
    exp.LT: _BINARY,
    exp.LTE: _BINARY,
    exp.GT: _BINARY,
    exp.GTE: _BINARY,
    exp.Add: _BINARY,
    exp.Sub: _BINARY,
    exp.Mul: _BINARY,
    exp.Div: _BINARY | {"typed", "safe"},  # how dialects differ on zero and integers; ours is in nodes.Arithmetic
    exp.Is: _BINARY | {"negate"},
    exp.In: frozenset({"this", "expressions"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.DataType: frozenset({"this", "nested"}),
    exp.Count: frozenset({"this", "big_int"}),
    exp.Sum: frozenset({"this"}),
    exp.Avg: frozenset({"this"}),
    exp.Distinct: frozenset({"expressions"}),
}

_NAMED = (exp.Identifier, exp.Literal, exp.Star, exp.Count, exp.Sum, exp.Avg)
_SIGNS = {
    TokenType.SELECT,
    TokenType.FROM,
    TokenType.WHERE,
    TokenType.GROUP_BY,
    TokenType.ALIAS,
    TokenType.AND,
    TokenType.OR,
    TokenType.NOT,
    TokenType.IN,
    TokenType.BETWEEN,
    TokenType.IS,
    TokenType.ISNULL,
    TokenType.NOTNULL,
    TokenType.NULL,
    TokenType.UNKNOWN,
    TokenType.TRUE,
    TokenType.FALSE,
    TokenType.DISTINCT,
    TokenType.COMMA,
    TokenType.DOT,
    TokenType.COLON,
    TokenType.DCOLON,
    TokenType.SEMICOLON,
    TokenType.L_PAREN,
    TokenType.R_PAREN,
    TokenType.PLUS,
    TokenType.DASH,
    TokenType.STAR,
    TokenType.SLASH,
    TokenType.EQ,
    TokenType.NEQ,
    TokenType.LT,
    TokenType.LTE,
    TokenType.GT,
    TokenType.GTE,
    TokenType.DATE,
    TokenType.TIMESTAMP,
    TokenType.TIMESTAMPNTZ,
    TokenType.TIMESTAMPTZ,
}


def check_syntax(parsed: Parsed) -> None:
    """Refuse the first thing, outermost first, that is not on the list.

    Raises:
        Unanswerable: with the refusal's place and candidates for a rewrite.
    """
    text = Text(parsed.sql, parsed.tokens)
    for node in _outermost_first(parsed.tree):
        allowed = ALLOWED.get(type(node))
        if allowed is None:
            raise _with_tables(unknown_node(node, text), parsed)
        for part, value in node.args.items():
            if part not in allowed and value not in (None, False, "", []):
                raise _with_tables(unknown_part(node, part, value, text), parsed)


def _with_tables(found: Unanswerable, parsed: Parsed) -> Unanswerable:
    return Unanswerable(found.refusal, found.candidates, tables(parsed.tree))


def _outermost_first(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Breadth first, each level in the order of the text as far as the parser keeps it."""
    level = [tree]
    while level:
        yield from level
        level = [child for node in level for child in node.iter_expressions()]


def check_tokens(parsed: Parsed) -> None:
    """Refuse a word of the text that is neither a sign of the language nor the beginning of a checked node.

    Raises:
        Unanswerable: PlanNotSupported at that word.
    """
    claimed = {node.meta["start"] for node in parsed.tree.walk() if isinstance(node, _NAMED) and "start" in node.meta}
    for number, token in enumerate(parsed.tokens):
        if token.start in claimed or token.token_type in _SIGNS:
            continue
        following = parsed.tokens[number + 1].token_type if number + 1 < len(parsed.tokens) else None
        if token.text.lower() == "cast" and following is TokenType.L_PAREN:
            continue
        place = span_of(parsed.sql, token.start, token.end + 1)
        refusal = PlanNotSupported("This word has no meaning in the SQL that is answered here.", span=place)
        without = parsed.sql[: token.start] + parsed.sql[token.end + 1 :]
        raise Unanswerable(refusal, (without,), tables(parsed.tree))
