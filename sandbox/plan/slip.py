"""A slip of the pen in a text that cannot be read, and the place where reading failed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot.tokenizer_core import Token


@dataclass(frozen=True, slots=True)
class Slip:
    """What is wrong, where, and texts in which it is mended."""

    detail: str
    start: int
    end: int
    mended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stuck:
    """The text, its tokens, and the number of the token at which reading failed."""

    sql: str
    tokens: Sequence[Token]
    at: int

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def before(self, count: int = 1) -> Token | None:
        return self.tokens[self.at - count] if self.at >= count else None

    def put(self, place: int, words: str) -> str:
        return f"{self.sql[:place].rstrip()} {words} {self.sql[place:].lstrip()}".strip()

    def replaced(self, start: int, end: int, new: str) -> str:
        return self.sql[:start] + new + self.sql[end:]

    def without(self, token: Token) -> str:
        return f"{self.sql[: token.start].rstrip()} {self.sql[token.end + 1 :].lstrip()}".strip()
