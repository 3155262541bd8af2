"""What a plan does, in sentences for people: English and Simplified Chinese."""

from fractions import Fraction

from sandbox.plan.nodes import (
    Arithmetic,
    ColumnRef,
    Comparison,
    Conjunction,
    CountRows,
    CountUnits,
    CountValues,
    Disjunction,
    Expression,
    GroupKey,
    Literal,
    Membership,
    Negation,
    Not,
    NullTest,
    Plan,
    Primitive,
    SumValues,
)
from sandbox.terms.dataset import Type
from sandbox.terms.moments import date_text, timestamp_text

_SENTENCES = {
    "en": {
        "table": "Reads the table {name}, of at most {rows} rows.",
        "filter": "Keeps the rows where {condition}.",
        "no filter": "Keeps all rows.",
        "groups": "Groups by {keys}: {count} groups, all of them returned.",
        "no groups": "Makes one group of all rows.",
        "key": "{name} ({count} public keys)",
        "measured": "Measures {primitives}, each with its own noise.",
        "unit": "Of each unit of {space}, at most {rows} of its rows count, in at most {groups} of the groups.",
        "count_rows": "the number of rows",
        "count_units": "the number of distinct units",
        "count_values": "how many values {operand} has",
        "sum_values": "the sum of {operand}, clamped to [{low}, {high}], in steps of {step}",
        "centred": "the sum of {operand}, clamped to [{low}, {high}], less {center} each, in steps of {step}",
        "and": "; ",
    },
    "zh": {
        "table": "读取表 {name}，最多 {rows} 行。",
        "filter": "只保留满足条件的行：{condition}。",
        "no filter": "保留所有行。",
        "groups": "按 {keys} 分组：共 {count} 组，全部返回。",
        "no groups": "所有行合为一组。",
        "key": "{name}（{count} 个公开取值）",
        "measured": "测量{primitives}，各自加入独立噪声。",
        "unit": "{space} 中的每个隐私单元最多计入 {rows} 行，最多涉及 {groups} 组。",
        "count_rows": "行数",
        "count_units": "不同隐私单元的数量",
        "count_values": "{operand} 的非空值个数",
        "sum_values": "{operand} 的总和（限制在 [{low}, {high}] 内，步长 {step}）",
        "centred": "{operand} 的总和（限制在 [{low}, {high}] 内，逐行减去 {center}，步长 {step}）",
        "and": "；",
    },
}


def explain(plan: Plan, language: str = "en") -> list[str]:
    """One line each for table, filter, groups, what is measured, and the effect of one unit.

    Args:
        plan: any plan.
        language: "en" or "zh"; any other is answered in English.
    """
    say = _SENTENCES.get(language, _SENTENCES["en"])
    keys = ", ".join(_key(key, say) for key in plan.keys)
    return [
        say["table"].format(name=f"{plan.dataset}.{plan.table}", rows=f"{plan.rows_max:,}"),
        say["no filter"] if plan.where is None else say["filter"].format(condition=render(plan.where)),
        say["groups"].format(keys=keys, count=f"{plan.groups:,}") if plan.keys else say["no groups"],
        say["measured"].format(primitives=say["and"].join(_primitive(item, say) for item in plan.primitives)),
        say["unit"].format(space=plan.unit_space, rows=f"{plan.bounds.rows:,}", groups=f"{plan.bounds.groups:,}"),
    ]


def _key(key: GroupKey, say: dict[str, str]) -> str:
    return say["key"].format(name=key.column, count=f"{len(key.values):,}")


def _primitive(primitive: Primitive, say: dict[str, str]) -> str:
    match primitive:
        case CountRows():
            return say["count_rows"]
        case CountUnits():
            return say["count_units"]
        case CountValues(operand):
            return say["count_values"].format(operand=render(operand))
        case SumValues(operand, low, high, center, step):
            numbers = {"low": f"{float(low):g}", "high": f"{float(high):g}", "step": f"{float(step):g}"}
            sentence = say["centred" if center else "sum_values"]
            return sentence.format(operand=render(operand), center=f"{float(center):g}", **numbers)


def render(expression: Expression) -> str:
    """An expression as SQL text, for people and for reading back."""
    match expression:
        case ColumnRef(name):
            return name
        case Literal():
            return _literal(expression)
        case Negation(operand):
            return f"-({render(operand)})"
        case Arithmetic(sign, left, right) | Comparison(sign, left, right):
            return f"{_bracketed(left)} {sign} {_bracketed(right)}"
        case Membership(operand, values):
            return f"{_bracketed(operand)} IN ({', '.join(_literal(value) for value in values)})"
        case NullTest(operand):
            return f"{_bracketed(operand)} IS NULL"
        case Not(operand):
            return f"NOT {_bracketed(operand)}"
        case Conjunction(operands):
            return " AND ".join(_bracketed(operand) for operand in operands)
        case Disjunction(operands):
            return " OR ".join(_bracketed(operand) for operand in operands)


def _bracketed(expression: Expression) -> str:
    plain = isinstance(expression, ColumnRef | Literal)
    return render(expression) if plain else f"({render(expression)})"


def _real(value: Fraction) -> str:
    """The shortest decimal of a double where that is exact, else a quotient."""
    text = repr(float(value))
    return text if Fraction(text) == value else f"({value.numerator}.0 / {value.denominator}.0)"


def _literal(literal: Literal) -> str:
    value = literal.value
    if value is None:
        return "NULL"
    match literal.type:
        case Type.STRING:
            return "'" + str(value).replace("'", "''") + "'"
        case Type.BOOL:
            return "TRUE" if value else "FALSE"
        case Type.DATE if isinstance(value, int):
            return f"DATE '{date_text(value)}'"
        case Type.TIMESTAMP if isinstance(value, int):
            return f"TIMESTAMP '{timestamp_text(value)}'"
        case Type.FLOAT if not isinstance(value, str):
            return _real(Fraction(value))
        case _:
            return str(value)
