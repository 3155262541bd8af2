"""SQL text → one sqlglot SELECT, within limits that hold before the parser can recurse.

The dialect is DuckDB's: there `/` always divides exactly (in PostgreSQL 7/2 is 3), names ignore case, and DuckDB is the
oracle the engine is tested against. sqlglot only reads; nothing of its trees, texts or messages goes further than `bind`.
"""

import logging
import re
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ErrorLevel, ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from sandbox.plan.slips import slip_of, tables_named, unclosed
from sandbox.plan.spans import span_of
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.plain_text import first_unsafe
from sandbox.terms.refusal import PlanNotSupported, SqlNotParsed, SqlTooLarge

LENGTH_MAX = 20_000
"""Characters in one query."""

TOKENS_MAX = 4_000
NESTING_MAX = 20
"""Open brackets and CASEs, plus signs and NOTs in a row; sqlglot needs about 22 Python frames for each."""

DEPTH_MAX = 64
"""Levels of the parsed tree; a chain of ANDs or of ORs counts as one."""

_NODES_PER_TOKEN = 4
"""Nodes that the parser may make for each word and sign, also in vain; one is enough, and it doubles its work with each JOIN
that has no condition."""

_DIALECT = Dialect.get_or_raise("duckdb")
_OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE}
_CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END}
_PREFIX = {TokenType.NOT, TokenType.DASH, TokenType.PLUS, TokenType.TILDE}
_LEXEME = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$\$.*?\$\$", re.DOTALL)
_UNCLOSED = re.compile(r"'|\"|/\*|\$\$")

logging.getLogger("sqlglot").setLevel(logging.CRITICAL + 1)  # its warnings quote the analyst's text


@dataclass(frozen=True, slots=True)
class Parsed:
    """One query: its text, its tokens and its tree."""

    sql: str
    tokens: tuple[Token, ...]
    tree: exp.Query


def parse(sql: str) -> Parsed:
    """Read exactly one SELECT.

    Raises:
        Unanswerable: with SqlTooLarge, SqlNotParsed or PlanNotSupported.
    """
    if len(sql) > LENGTH_MAX:
        raise Unanswerable(SqlTooLarge(f"A query has at most {LENGTH_MAX} characters."))
    unsafe = first_unsafe(sql)
    if unsafe is not None:
        raise Unanswerable(
            SqlNotParsed("A control or direction character hides here.", span=span_of(sql, unsafe, unsafe + 1))
        )
    try:
        tokens = tuple(_DIALECT.tokenize(sql))
    except TokenError:
        slip = unclosed(sql, _unclosed(sql))
        raise Unanswerable(SqlNotParsed(slip.detail, span=span_of(sql, slip.start, slip.end)), slip.mended) from None
    _check_tokens(sql, tokens)
    tree = _tree(sql, tokens)
    _check_depth(tree)
    for wrapped in [node for node in tree.find_all(exp.IgnoreNulls) if isinstance(node.this, exp.AnyValue)]:
        wrapped.replace(wrapped.this)  # the parser says of every any_value that it passes NULLs over
    return Parsed(sql, tokens, tree)


def _check_tokens(sql: str, tokens: tuple[Token, ...]) -> None:
    if len(tokens) > TOKENS_MAX:
        raise Unanswerable(SqlTooLarge(f"A query has at most {TOKENS_MAX} words and signs."))
    depth = run = 0
    previous: Token | None = None
    for token in tokens:
        kind = token.token_type
        depth += (kind in _OPENING) - (kind in _CLOSING)
        run = run + 1 if kind in _PREFIX else 0
        if depth + run > NESTING_MAX:
            detail = f"Brackets, CASEs and signs nest at most {NESTING_MAX} deep."
            raise Unanswerable(SqlTooLarge(detail, span=span_of(sql, token.start, token.end + 1)))
        glued = previous is not None and previous.end + 1 == token.start
        if previous and glued and previous.token_type is TokenType.NUMBER and kind is TokenType.VAR:
            detail = "This number is not written in decimal digits."  # DuckDB would read 0x1F as 0 with the alias x1F
            raise Unanswerable(SqlNotParsed(detail, span=span_of(sql, previous.start, token.end + 1)))
        if any(comment.lstrip().startswith("+") for comment in token.comments):
            detail = "Optimizer hints are not read here."
            raise Unanswerable(PlanNotSupported(detail, span=span_of(sql, token.start, token.end + 1)))
        previous = token


def _tree(sql: str, tokens: tuple[Token, ...]) -> exp.Query:
    try:
        parser = _DIALECT.parser(error_level=ErrorLevel.IMMEDIATE, max_nodes=_NODES_PER_TOKEN * len(tokens))
        statements = [tree for tree in parser.parse(list(tokens), sql) if tree is not None]
    except ParseError as error:
        raise _not_parsed(sql, tokens, error) from None
    except RecursionError:
        raise Unanswerable(SqlTooLarge("The query nests too deep.")) from None
    except (TokenError, AttributeError, IndexError, KeyError, TypeError, ValueError, AssertionError):
        # Fuzzed fragments reach places of the library that expect well-formed input; the text is at fault all the same.
        # A name in quotes where a type is due is read as a text of its own, which may hold an open comment.
        raise Unanswerable(SqlNotParsed("The text cannot be read as SQL.", span=span_of(sql, 0, 1))) from None
    if not statements:
        raise Unanswerable(SqlNotParsed("There is no query in the text.", span=span_of(sql, 0, 1)))
    if len(statements) > 1:
        cut = next(token for token in tokens if token.token_type is TokenType.SEMICOLON)
        detail = "One query at a time: the text goes on after the semicolon."
        raise Unanswerable(SqlNotParsed(detail, span=span_of(sql, cut.start, cut.end + 1)), (sql[: cut.start],))
    tree = statements[0]
    if isinstance(tree, exp.Select | exp.Union):
        return tree
    begun = next((token for token in tokens if token.token_type is TokenType.SELECT), None)
    inside = (sql[begun.start :],) if begun is not None and begun is not tokens[0] else ()
    raise Unanswerable(_not_select(sql, tokens, tree), (*_left_of_set_operation(sql, tokens), *inside), tables(tree))


def tables(tree: exp.Expr | None) -> tuple[exp.Table, ...]:
    """The tables that a tree names, in no particular order: an example query can be made from them."""
    return tuple(tree.find_all(exp.Table)) if tree is not None else ()


def _not_parsed(sql: str, tokens: tuple[Token, ...], error: ParseError) -> Unanswerable:
    named = tables_named(tokens)
    begun = next((token for token in tokens if token.token_type is TokenType.SELECT), None)
    if tokens[0].token_type is TokenType.VAR:
        # A word that begins no statement: the parser reads it as a name and stumbles over what follows.
        first = span_of(sql, tokens[0].start, tokens[0].end + 1)
        return Unanswerable(
            SqlNotParsed("A query begins with SELECT.", span=first), _begun(sql, tokens[0], begun), named
        )
    place = error.errors[0] if error.errors else {}
    found = (
        number
        for number, token in enumerate(tokens)
        if (token.line, token.col) == (place.get("line"), place.get("col"))
    )
    at = next(found, len(tokens) - 1)
    token = tokens[at]
    if token.token_type is TokenType.DASH and _joins(sql, token):
        detail = 'A name with a hyphen stands in double quotes, as in "my-data".visits.'
        word = re.compile(r"[\w-]*").match(sql, _word_start(sql, token.start))
        mended = (f'{sql[: word.start()]}"{word.group()}"{sql[word.end() :]}',) if word is not None else ()
        return Unanswerable(SqlNotParsed(detail, span=span_of(sql, token.start, token.end + 1)), mended, named)
    slip = slip_of(sql, tokens, at)
    return Unanswerable(SqlNotParsed(slip.detail, span=span_of(sql, slip.start, slip.end)), slip.mended, named)


def _joins(sql: str, dash: Token) -> bool:
    """Whether a hyphen stands between letters or digits, as in a name that was not quoted."""
    return sql[dash.start - 1 : dash.start].isalnum() and sql[dash.end + 1 : dash.end + 2].isalnum()


def _word_start(sql: str, place: int) -> int:
    """Where the word begins that ends at `place`."""
    return place - len(sql[:place]) + len(sql[:place].rstrip("-_" + _WORD_LETTERS))


def _begun(sql: str, first: Token, select: Token | None) -> tuple[str, ...]:
    """The text from its SELECT on; else with its first word taken for a SELECT with a slip in it."""
    later = (sql[select.start :],) if select is not None else ()
    return (f"select{sql[first.end + 1 :]}", *later)


def _not_select(sql: str, tokens: tuple[Token, ...], tree: exp.Expr) -> PlanNotSupported:
    detail = "Only a plain SELECT is answered here."
    token = tokens[0]
    if isinstance(tree, exp.SetOperation):
        detail = "INTERSECT and EXCEPT are not available: ask each query by itself."
        token = next((item for item in tokens if item.token_type in _SET_OPERATIONS), token)
    return PlanNotSupported(detail, span=span_of(sql, token.start, token.end + 1))


_WORD_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_SET_OPERATIONS = {TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT}


def _left_of_set_operation(sql: str, tokens: tuple[Token, ...]) -> tuple[str, ...]:
    """The first arm of a UNION and its like, and the inside of a bracketed query."""
    depth = 0
    for token in tokens:
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if token.token_type in _SET_OPERATIONS and depth == 0:
            return (sql[: token.start].rstrip(),)
    last = next((token for token in reversed(tokens) if token.token_type is TokenType.R_PAREN), None)
    if tokens[0].token_type is TokenType.L_PAREN and last is not None:
        return (sql[tokens[0].end + 1 : last.start].strip(),)
    return ()


def _check_depth(tree: exp.Query) -> None:
    waiting: list[tuple[exp.Expr, int]] = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > DEPTH_MAX:
            raise Unanswerable(SqlTooLarge(f"The query nests at most {DEPTH_MAX} levels deep."))
        for child in node.iter_expressions():
            chained = isinstance(node, exp.And | exp.Or | exp.Union) and type(child) is type(node)
            waiting.append((child, depth if chained else depth + 1))


def _unclosed(sql: str) -> int:
    """Offset of the first quotation or comment that no later sign closes."""
    blanked = _LEXEME.sub(lambda match: " " * len(match.group()), sql)
    found = _UNCLOSED.search(blanked)
    return found.start() if found else 0
