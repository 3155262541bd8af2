"""Casts: CAST, TRY_CAST, value::type and typed constants such as DATE '2024-01-31'. What cannot be converted is NULL."""

from collections.abc import Mapping, Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from sandbox.plan.conversions import cast
from sandbox.plan.literals import as_type
from sandbox.plan.nodes import Expression, Literal, type_of
from sandbox.plan.scope_terms import Columns
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import PlanNotSupported, TypeMismatch

_TYPES: Mapping[exp.DType, Type] = {
    exp.DType.BIGINT: Type.INT,
    exp.DType.INT: Type.INT,
    exp.DType.SMALLINT: Type.INT,
    exp.DType.TINYINT: Type.INT,
    exp.DType.INT128: Type.INT,
    exp.DType.DOUBLE: Type.FLOAT,
    exp.DType.FLOAT: Type.FLOAT,
    exp.DType.TEXT: Type.STRING,
    exp.DType.VARCHAR: Type.STRING,
    exp.DType.BOOLEAN: Type.BOOL,
    exp.DType.DATE: Type.DATE,
    exp.DType.TIMESTAMP: Type.TIMESTAMP,
    exp.DType.TIMESTAMPNTZ: Type.TIMESTAMP,
    exp.DType.TIMESTAMPTZ: Type.TIMESTAMP,
}

CAST_NODES: Mapping[type[exp.Expr], frozenset[str]] = {
    exp.Cast: frozenset({"this", "to"}),
    exp.TryCast: frozenset({"this", "to", "safe"}),
    exp.DataType: frozenset({"this", "nested"}),
}
"""Node types of casts with the arguments that are read."""

_FORMS = {
    Type.DATE: "A date is written '2024-01-31'.",
    Type.TIMESTAMP: "A timestamp is written '2024-01-31 12:00:00', in UTC unless it says otherwise.",
}


def bind_cast(node: exp.Cast | exp.TryCast, operand: Expression, scope: Columns) -> Expression:
    """The operand as the type that the cast names.

    Raises:
        Unanswerable: another type than the six there are, a cast between types that have none, or a constant that is no
            date or time.
    """
    target = node.args["to"]
    kind = _TYPES.get(target.this)
    if kind is None or target.expressions or target.args.get("nested"):
        raise _other_type(node, target, scope)
    if isinstance(operand, Literal) and operand.type is Type.STRING and kind in _FORMS:
        constant = as_type(operand, kind)
        if constant is None and isinstance(node, exp.Cast):
            new = {Type.DATE: "'2024-01-31'", Type.TIMESTAMP: "'2024-01-31 12:00:00'"}[kind]
            written = scope.text.replaced(scope.text.extent(node.this), new)
            raise scope.refuse(TypeMismatch, _FORMS[kind], node.this, written)
        return constant or Literal(None, kind)
    made = cast(operand, kind)
    if made is None:
        detail = f"There is no cast from {type_of(operand).value} to {kind.value}."
        inner = scope.text.text(scope.text.extent(node.this))
        candidates = [scope.text.replaced(cast_extent(node, scope), inner)]
        if type_of(operand) is Type.FLOAT and kind is Type.STRING:
            detail = "A real number has no one text: cast it to an integer first."
            candidates.insert(0, scope.text.replaced(scope.text.extent(node.this), f"cast({inner} as int)"))
        elif type_of(operand) in _FORMS and kind.is_number:
            detail = "A moment is no number: date_diff counts days, seconds and more from a moment of your choice."
            parts = f"date_diff('day', date '1970-01-01', {inner})"
            candidates.insert(0, scope.text.replaced(cast_extent(node, scope), parts))
        raise scope.refuse(TypeMismatch, detail, node, *candidates)
    return made


def _other_type(node: exp.Cast | exp.TryCast, target: exp.DataType, scope: Columns) -> Unanswerable:
    """The refusal of a type that is not there; DECIMAL(p, s) is rounding here."""
    detail = "The types are bigint, double, varchar, boolean, date and timestamp."
    inner = scope.text.text(scope.text.extent(node.this))
    place = cast_extent(node, scope)
    candidates = [f"cast({inner} as {word})" for word in ("double", "bigint", "varchar")] + [inner]
    if target.this is exp.DType.DECIMAL:
        scale = target.expressions[1].name if len(target.expressions) > 1 else "0"
        detail = "There is no DECIMAL here: round a double to the digits you need."
        candidates.insert(0, f"round(cast({inner} as double), {scale})")
        candidates.insert(1, f"round({inner}, {scale})")
    return scope.refuse(PlanNotSupported, detail, node, *(scope.text.replaced(place, new) for new in candidates[:4]))


def cast_extent(node: exp.Expr, scope: Columns) -> tuple[int, int]:
    """From the word CAST, or from the value of value::type, to the end of the type with its brackets."""
    start, end = scope.text.extent(node.this)
    before = [token for token in scope.text.tokens if token.end < start]
    after = [token for token in scope.text.tokens if token.start >= end]
    while before and before[-1].token_type is TokenType.L_PAREN and not _casts(before):
        if not after or after[0].token_type is not TokenType.R_PAREN:
            break
        start, end = before.pop().start, after.pop(0).end + 1
    if _casts(before):
        depth = 1
        for token in after:
            depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
            if depth == 0:
                return before[-2].start, token.end + 1
    if len(after) > 1 and after[0].token_type is TokenType.DCOLON:
        end, depth = after[1].end + 1, 0
        for token in after[2:]:
            opens = token.token_type in (TokenType.L_PAREN, TokenType.L_BRACKET)
            if depth == 0 and not opens:
                break
            depth += opens - (token.token_type in (TokenType.R_PAREN, TokenType.R_BRACKET))
            end = token.end + 1
    return start, end


def _casts(tokens: Sequence[Token]) -> bool:
    """Whether the last words are CAST and a bracket."""
    return len(tokens) > 1 and tokens[-1].token_type is TokenType.L_PAREN and tokens[-2].text.lower().endswith("cast")
