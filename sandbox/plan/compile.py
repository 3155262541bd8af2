"""SQL text → plan: parse, check the syntax, bind names and types, bring to one form; or a refusal with a rewrite."""

from collections.abc import Mapping

from sqlglot import exp

from sandbox.plan.bind import bind
from sandbox.plan.naming import name_of
from sandbox.plan.parse import parse
from sandbox.plan.query import Plan
from sandbox.plan.tables_named import example
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Dataset
from sandbox.terms.refusal import SqlTooLarge

_STEPS_MAX = 6
_CANDIDATES_MAX = 4
_TRIES_MAX = 8
"""Texts that are tried for one refusal in all."""

_SEARCHED_MAX = 4_000
"""Characters of candidates that are tried for one refusal: a long text gets few tries, so none takes long to refuse."""


def compile_query(sql: str, datasets: Mapping[str, Dataset]) -> Plan:
    """The plan that answers `sql`, from the text and public descriptions alone.

    Args:
        sql: one SELECT, at most 20,000 characters.
        datasets: by name, those the caller may know of; all others are as if they did not exist.

    Raises:
        NotAnswerable: with `span`, the offending place in the text, and `rewrite`, a text near to the asked one that
            compiles, wherever one was found.
    """
    try:
        return _compile(sql, datasets)
    except Unanswerable as found:
        refusal = found.refusal
        refusal.rewrite = _working(found, datasets)
    raise refusal


def _compile(sql: str, datasets: Mapping[str, Dataset]) -> Plan:
    try:
        return bind(parse(sql), datasets)
    except RecursionError:  # a caller deep in its own stack leaves less room than the limits of `parse` count on
        raise Unanswerable(SqlTooLarge("The query nests too deep.")) from None


def _working(found: Unanswerable, datasets: Mapping[str, Dataset]) -> str | None:
    """The first candidate that compiles, after mending what is wrong with it in turn; else an example query."""
    searched = 0
    tried: set[str] = set()
    *near, last = found.candidates or ("",)
    for candidate in (*near[: _CANDIDATES_MAX - 1], last):  # the last is an example, where the binder knows of one
        text = candidate
        if candidate is last and text:
            tried.clear()
        for _ in range(_STEPS_MAX):
            searched += len(text)
            if searched > _SEARCHED_MAX or len(tried) >= _TRIES_MAX or text in tried:
                break
            tried.add(text)
            try:
                _compile(text, datasets)
            except Unanswerable as again:
                if not again.candidates:
                    break
                text = again.candidates[0]
            else:
                return text
    examples = (_example(table, datasets) for table in found.tables)
    return next((example for example in examples if example is not None), _any_example(datasets))


def _any_example(datasets: Mapping[str, Dataset]) -> str | None:
    """An example query about the first table of units, where the text names none that the caller may know of."""
    for name in sorted(datasets):
        if not datasets[name].public and datasets[name].tables:
            return example(datasets[name], datasets[name].tables[0])
    return None


def _example(table: exp.Table, datasets: Mapping[str, Dataset]) -> str | None:
    """An example query about a table that the text names, where the caller may know of it."""
    wanted = table.args.get("db")
    if not isinstance(table.this, exp.Identifier):
        return None
    for dataset in datasets.values():
        known = dataset.table(name_of(table.this))
        if dataset.public:
            continue
        if known is not None and (not isinstance(wanted, exp.Identifier) or name_of(wanted) == dataset.name):
            return example(dataset, known)
    return None
