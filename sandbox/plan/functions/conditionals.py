"""Entries: functions that choose among their arguments, and the comparison that knows NULL."""

from sandbox.plan.functions import choice_meanings as mean
from sandbox.plan.functions import choice_rules as rule
from sandbox.plan.functions.entry import ANY, Function, Parameter, compared, one_type

_VALUE = Parameter("value", ANY)

# A line for each of: name and types, rules, words.
# fmt: off
ENTRIES: tuple[Function, ...] = (
    Function(
        "coalesce", ("coalesce", "ifnull", "nvl"), (_VALUE,), one_type, mean.coalesce, rule.coalesce,
        "the first of the arguments that is not NULL", "第一个非 NULL 的参数",
        ((None, 2, 3), ("a", "b"), (None, 0.5)), least=1, most=32, sees_null=True, oracle="coalesce({all})",
    ),
    Function(
        "nullif", ("nullif",), (_VALUE, Parameter("other", ANY)), one_type, mean.nullif, rule.nullif,
        "the first argument, or NULL where it equals the second", "与第二参数相等时为 NULL, 否则为第一参数",
        ((1, 1), ("a", "b"), (0.5, None)), sees_null=True, oracle="nullif({0}, {1})",
    ),
    Function(
        "is_distinct", ("is distinct from",), (_VALUE, Parameter("other", ANY)), compared, mean.is_distinct, rule.truth,
        "whether the arguments differ; NULL is like NULL and unlike all else, so the answer is never NULL",
        "两参数是否不同 (NULL 与 NULL 相同)", ((1, 2), ("a", None), (None, None)), sees_null=True,
        oracle="{0} is distinct from {1}",
    ),
)
# fmt: on
