"""Places in the query text: of offsets, of tree nodes, of clauses; and the text with a place changed."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from sandbox.terms.refusal import Span

_CLAUSES = {
    TokenType.WITH,
    TokenType.SELECT,
    TokenType.FROM,
    TokenType.WHERE,
    TokenType.GROUP_BY,
    TokenType.HAVING,
    TokenType.QUALIFY,
    TokenType.WINDOW,
    TokenType.ORDER_BY,
    TokenType.LIMIT,
    TokenType.OFFSET,
    TokenType.FETCH,
    TokenType.FOR,
    TokenType.TABLE_SAMPLE,
    TokenType.UNION,
    TokenType.EXCEPT,
    TokenType.INTERSECT,
    TokenType.SEMICOLON,
}

_CALLS = (exp.Func, exp.Rollup, exp.Cube, exp.GroupingSets)


def _start(token: Token) -> int:
    return token.start


def _end(token: Token) -> int:
    return token.end


def span_of(sql: str, start: int, end: int) -> Span:
    """The span of the offsets [start, end)."""
    line_start = sql.rfind("\n", 0, start) + 1
    return Span(sql.count("\n", 0, start) + 1, start - line_start + 1, max(1, end - start))


@dataclass(frozen=True, slots=True)
class Text:
    """A query's text with its tokens."""

    sql: str
    tokens: Sequence[Token]

    def extent(self, node: exp.Expr) -> tuple[int, int]:
        """Offsets [start, end) of a node: of all its named parts, with a function's brackets and a leading sign.

        A node without any place of its own (NULL) has that of the nearest parent that has one.
        """
        start, end = len(self.sql), 0
        for part in node.walk():
            if "start" in part.meta:
                start, end = min(start, part.meta["start"]), max(end, part.meta["end"] + 1)
        if start >= end:
            return self.extent(node.parent) if node.parent is not None else (0, len(self.sql))
        return self._widen(node, start, end)

    def span(self, node: exp.Expr) -> Span:
        """The span of a node."""
        return span_of(self.sql, *self.extent(node))

    def span_at(self, start: int, end: int) -> Span:
        """The span of the offsets [start, end)."""
        return span_of(self.sql, start, end)

    def replaced(self, place: tuple[int, int], new: str) -> str:
        """The text with [start, end) replaced."""
        return self.sql[: place[0]] + new + self.sql[place[1] :]

    def text(self, place: tuple[int, int]) -> str:
        """The text of [start, end)."""
        return self.sql[place[0] : place[1]]

    def clause(self, *kinds: TokenType, within: exp.Expr | None = None) -> tuple[int, int] | None:
        """The extent of the first clause outside brackets that begins with one of `kinds`, or None.

        With `within`, a query in the text, the clause is its own.
        """
        start: int | None = None
        end = 0
        depth = 0
        begin = 0 if within is None or within.parent is None else self.extent(within)[0]
        for token in self.tokens:
            if token.start < begin:
                continue
            if token.token_type is TokenType.R_PAREN and depth == 0:
                break
            depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
            if start is not None and depth == 0 and token.token_type in _CLAUSES and token.start > start:
                break
            if start is None and depth == 0 and token.token_type in kinds:
                start = token.start
            end = token.end + 1
        return None if start is None else (start, end)

    def word(self, query: exp.Expr, kind: TokenType) -> tuple[int, int] | None:
        """The extent of the first token of this kind in a query, or None."""
        start = (self.clause(TokenType.SELECT, within=query) or (0, 0))[0]
        found = (token for token in self.tokens if token.start >= start and token.token_type is kind)
        return next(((token.start, token.end + 1) for token in found), None)

    def keyword(self, *kinds: TokenType) -> tuple[int, int] | None:
        """The extent of the first token outside brackets of one of `kinds`, or None."""
        depth = 0
        for token in self.tokens:
            depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
            if depth == 0 and token.token_type in kinds:
                return token.start, token.end + 1
        return None

    def without(self, place: tuple[int, int]) -> str:
        """The text with [start, end) cut out and the gap closed."""
        return f"{self.sql[: place[0]].rstrip()} {self.sql[place[1] :].lstrip()}".strip()

    def _widen(self, node: exp.Expr, start: int, end: int) -> tuple[int, int]:
        first = bisect_left(self.tokens, start, key=_start) % len(self.tokens)
        last = bisect_left(self.tokens, end - 1, key=_end)
        last = last if last < len(self.tokens) else first
        if isinstance(node, _CALLS) and "start" not in node.meta and not isinstance(node, exp.Case):
            first = self._function_name(first)
        elif isinstance(node, exp.Case):
            first = self._back_to(first, TokenType.CASE)
            closing = next((token for token in self.tokens[last:] if token.token_type is TokenType.END), None)
            end = closing.end + 1 if closing else end
        elif isinstance(node, exp.Select | exp.Subquery) and node.parent is not None:
            first = self._back_to(first, TokenType.SELECT)
        start = min(start, self.tokens[first].start)
        sign = self.tokens[first - 1] if first and isinstance(node, exp.Neg | exp.Not) else None
        if sign is not None and sign.token_type in (TokenType.DASH, TokenType.NOT):
            start = sign.start
        opened = 0
        following = self.tokens[last + 1] if last + 1 < len(self.tokens) else None
        if isinstance(node, _CALLS) and first == last and following and following.token_type is TokenType.L_PAREN:
            last, opened, end = last + 1, 1, following.end + 1  # a call whose arguments have no place of their own
        for token in self.tokens[first : last + 1] if not opened else ():
            opened += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        for token in self.tokens[last + 1 :]:
            if opened <= 0:
                break
            opened += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
            end = token.end + 1
        return start, end

    def _function_name(self, first: int) -> int:
        """The token of a function's name, which stands before the brackets around its first argument."""
        before = first - 1
        while before > 0 and self.tokens[before].token_type is TokenType.L_PAREN:
            before -= 1
        named = 0 <= before < first - 1 and self.tokens[before].text.isidentifier()
        return before if named else first

    def _back_to(self, first: int, kind: TokenType) -> int:
        """The nearest token of `kind` at or before `first`."""
        return next((number for number in range(first, -1, -1) if self.tokens[number].token_type is kind), first)
