"""What an expression may ask of the query block around it: columns by name, the text, and how to refuse."""

from collections.abc import Mapping
from typing import Protocol

from sqlglot import exp

from sandbox.plan.facts import Facts
from sandbox.plan.nodes import Expression
from sandbox.plan.spans import Text
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.refusal import NotAnswerable


class Columns(Protocol):
    """The columns that expressions of one query block can name."""

    @property
    def text(self) -> Text:
        """The query's text: places, and the text with a place changed."""

    @property
    def facts(self) -> Mapping[str, Facts]:
        """What is known, from declarations alone, of the columns that `column` has given so far, by ColumnRef name."""

    @property
    def noisy(self) -> bool:
        """Whether these are columns of a noisy answer: integers have no provable range there, and out of range they are
        NULL instead of refused. False for the rows of a relation."""

    def column(self, node: exp.Column) -> tuple[Expression, Facts]:
        """The usable column that `node` names: a ColumnRef, or the expression that a subquery gave that name.

        Raises:
            Unanswerable: UnknownColumn, ColumnWithheld, UnitColumnUse or UnknownTable.
        """

    @property
    def unit_name(self) -> str | None:
        """The unit's identifier as SQL text that names it in this block; None where there is none (over answers)."""

    def is_unit(self, node: exp.Expr) -> bool:
        """Whether `node`, brackets aside, names the unit's identifier (which `column` refuses)."""

    def special(self, node: exp.Expr) -> Expression | None:
        """The expression for a node that means something in this block alone (an aggregate in the select list of an
        answer, a window function), asked before anything else; None where it has no meaning of its own here.

        Raises:
            Unanswerable: it means something here, and cannot be answered.
        """

    def refuse(self, kind: type[NotAnswerable], detail: str, node: exp.Expr, *candidates: str) -> Unanswerable:
        """The refusal of `node`, with texts that might be answerable, best first."""
