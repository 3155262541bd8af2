"""A refusal on its way out, with what its rewrite could be made of."""

from sqlglot import exp

from sandbox.terms.refusal import NotAnswerable


class Unanswerable(Exception):
    """Internal to this room: `compile` turns it into `refusal`.

    `candidates` are texts that might be answerable, best first; only one that compiles is ever shown. `tables` are
    tables of the text, about which an example query can be made where no candidate works.
    """

    def __init__(
        self, refusal: NotAnswerable, candidates: tuple[str, ...] = (), tables: tuple[exp.Table, ...] = ()
    ) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal
        self.candidates = candidates
        self.tables = tables
