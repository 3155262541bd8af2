"""Aggregates where rows are asked of, and the texts in which they stand where they can be answered."""

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from sandbox.plan.aggregate_nodes import is_aggregate
from sandbox.plan.arithmetic import text_of
from sandbox.plan.scope_terms import Columns


def moved_aggregate(node: exp.Expr, scope: Columns) -> list[str]:
    """The text with an aggregate of WHERE in HAVING, or asked alone; with one of an aggregate over a subquery."""
    where = node.find_ancestor(exp.Where, exp.Select)
    select = node.find_ancestor(exp.Select)
    if select is None or select.parent is not None:
        return []
    if isinstance(where, exp.Where) and isinstance(where.parent, exp.Select):
        return _from_where(node, where, scope)
    outer = node.parent
    while outer is not None and not is_aggregate(outer) and not isinstance(outer, exp.Select):
        outer = outer.parent
    return _over_subquery(node, outer, scope) if outer is not None and is_aggregate(outer) else []


def asked_alone(node: exp.Expr, scope: Columns) -> list[str]:
    """The query that stands where a value should, as a question of its own."""
    while isinstance(node, exp.Subquery | exp.Exists):
        node = node.this
    text = scope.text
    start = text.extent(node)[0]
    depth = 0
    for token in text.tokens:
        if token.start < start:
            continue
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if depth < 0:
            return [text.sql[start : token.start].strip()]
    return []


def _from_where(node: exp.Expr, where: exp.Where, scope: Columns) -> list[str]:
    text = scope.text
    clause, source = text.clause(TokenType.WHERE), text.clause(TokenType.FROM)
    if clause is None or source is None:
        return []
    grouped = text.clause(TokenType.GROUP_BY)
    if grouped is None or grouped[0] < clause[0] or text.clause(TokenType.HAVING) is not None:
        return [f"select {text_of(node, scope)} {text.text(source).strip()}"]
    parts = list(_conjuncts(where.this))
    moved = [part for part in parts if any(is_aggregate(inner) for inner in part.walk())]
    if any(isinstance(inner, exp.Column) and not _within_aggregate(inner) for part in moved for inner in part.walk()):
        return [f"select {text_of(node, scope)} {text.text(source).strip()}"]
    kept = [part for part in parts if part not in moved]
    filtered = f"where {' and '.join(text_of(part, scope) for part in kept)} " if kept else ""
    having = " and ".join(text_of(part, scope) for part in moved)
    sql = text.sql
    whole = f"{sql[: clause[0]]}{filtered}{sql[clause[1] : grouped[1]].strip()} having {having}{sql[grouped[1] :]}"
    return [whole]


def _over_subquery(node: exp.Expr, outer: exp.Expr, scope: Columns) -> list[str]:
    """`select sum(count(*)) from t group by k` as `select sum(x) from (select count(*) as x from t group by k) as each_group`."""
    text = scope.text
    source = text.clause(TokenType.FROM)
    if source is None or text.clause(TokenType.GROUP_BY) is None:
        return []
    function = text_of(outer, scope).partition("(")[0].strip()
    return [
        f"select {function}(x) from (select {text_of(node, scope)} as x {text.sql[source[0] :].rstrip(' ;')}) as each_group"  # noqa: S608 - shown, never run
    ]


def _conjuncts(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.And):
        return [*_conjuncts(node.this), *_conjuncts(node.expression)]
    return [node]


def _within_aggregate(node: exp.Expr) -> bool:
    parent = node.parent
    while parent is not None and not isinstance(parent, exp.Where):
        if is_aggregate(parent):
            return True
        parent = parent.parent
    return False
