"""Entries: functions of numbers."""

from sandbox.plan.functions import number_meanings as mean
from sandbox.plan.functions import number_rules as rule
from sandbox.plan.functions.entry import (
    ORDERED,
    Function,
    Parameter,
    always,
    constant_integer,
    constant_number,
    integer,
    like_first,
    mixed_number,
    number,
    one_type,
)
from sandbox.terms.dataset import Type

_X = number()
_REAL = always(Type.FLOAT)
_WHOLE = always(Type.INT)

# A line for each of: name and types, rules, words.
# fmt: off
ENTRIES: tuple[Function, ...] = (
    Function(
        "abs", ("abs",), (_X,), like_first, mean.absolute, rule.absolute,
        "the value without its sign", "绝对值", ((-2,), (2.5,)), oracle="abs({0})",
    ),
    Function(
        "sign", ("sign",), (_X,), _WHOLE, mean.sign, rule.sign,
        "-1, 0 or 1, as the value is below, at or above zero", "符号: -1、0 或 1", ((-2,), (0.5,)), oracle="sign({0})",
    ),
    Function(
        "ceil", ("ceil", "ceiling"), (_X,), like_first, mean.ceil, rule.ceil,
        "the least whole number that is not below the value", "向上取整", ((2,), (-2.5,)), oracle="ceil({0})",
    ),
    Function(
        "floor", ("floor",), (_X,), like_first, mean.floor, rule.floor,
        "the greatest whole number that is not above the value", "向下取整", ((2,), (-2.5,)), oracle="floor({0})",
    ),
    Function(
        "round", ("round",), (_X, constant_integer("digits", -15, 15)), like_first, mean.rounded, rule.rounded,
        "the value rounded to so many decimal digits (0 if not said), halves away from zero",
        "四舍五入到指定小数位 (默认 0)", ((2.5,), (2.345, 2), (25, -1)), least=1,
        oracle="round({all})",
    ),
    Function(
        "trunc", ("trunc",), (_X,), like_first, mean.trunc, rule.trunc,
        "the value without its fraction", "去掉小数部分", ((2,), (-2.5,)), oracle="trunc({0})",
    ),
    Function(
        "sqrt", ("sqrt",), (_X,), _REAL, mean.sqrt, rule.sqrt,
        "the square root; NULL below zero", "平方根; 负数为 NULL", ((2,), (6.25,)), oracle="sqrt({0})",
    ),
    Function(
        "cbrt", ("cbrt",), (_X,), _REAL, mean.cbrt, rule.cbrt,
        "the cube root", "立方根", ((27,), (-8.0,)), exact=False, oracle="cbrt({0})",
    ),
    Function(
        "exp", ("exp",), (_X,), _REAL, mean.exp, rule.exp,
        "e to the power of the value", "e 的幂", ((1,), (0.5,)), exact=False, oracle="exp({0})",
    ),
    Function(
        "ln", ("ln",), (_X,), _REAL, mean.ln, rule.ln,
        "the natural logarithm; NULL unless the value is above zero", "自然对数; 非正数为 NULL",
        ((2,), (0.5,)), exact=False, oracle="case when {0} > 0 then ln({0}) end",
    ),
    Function(
        "log10", ("log10", "log"), (_X,), _REAL, mean.log10, rule.log10,
        "the decimal logarithm; NULL unless the value is above zero", "以 10 为底的对数; 非正数为 NULL",
        ((1000,), (0.5,)), exact=False, oracle="case when {0} > 0 then log10({0}) end",
    ),
    Function(
        "log2", ("log2",), (_X,), _REAL, mean.log2, rule.log2,
        "the binary logarithm; NULL unless the value is above zero", "以 2 为底的对数; 非正数为 NULL",
        ((8,), (0.5,)), exact=False, oracle="case when {0} > 0 then log2({0}) end",
    ),
    Function(
        "log_base", ("log",), (number("base"), _X), _REAL, mean.log_base, rule.unknown_real,
        "the logarithm of the second argument to the base of the first; NULL where there is none",
        "以第一个参数为底的对数; 无定义时为 NULL", ((2, 8), (10.0, 0.5)), exact=False,
        oracle="case when {0} > 0 and {1} > 0 and {0} <> 1 then log({0}, {1}) end",
    ),
    Function(
        "power", ("power", "pow", "^", "**"), (_X, number("exponent")), _REAL, mean.power, rule.power,
        "the first argument to the power of the second; NULL where that is no real number",
        "幂; 结果不是实数时为 NULL", ((2, 10), (0.5, -1.5)), exact=False, oracle="power({0}, {1})",
    ),
    Function(
        "mod", ("mod", "%"), (_X, number("divisor")), mixed_number, mean.modulo, rule.modulo,
        "the remainder, with the sign of the first argument; NULL where the divisor is zero",
        "余数, 符号同被除数; 除数为零时为 NULL", ((-7, 2), (7.5, 2)), oracle="{0} % nullif({1}, 0)",
    ),
    Function(
        "intdiv", ("//", "div"), (integer("x"), integer("divisor")), _WHOLE, mean.quotient, rule.quotient,
        "the whole part of the quotient; NULL where the divisor is zero", "整除 (向零取整); 除数为零时为 NULL",
        ((-7, 2), (7, 2)), oracle="{0} // nullif({1}, 0)",
    ),
    Function(
        "greatest", ("greatest",), (Parameter("value", ORDERED),), one_type, mean.greatest, rule.greatest,
        "the greatest of the arguments that are not NULL", "最大的非 NULL 参数",
        ((1, 3, 2), ("b", "a"), (0.5, 1.5)), least=1, most=32, sees_null=True, oracle="greatest({all})",
    ),
    Function(
        "least", ("least",), (Parameter("value", ORDERED),), one_type, mean.smallest, rule.smallest,
        "the least of the arguments that are not NULL", "最小的非 NULL 参数",
        ((1, 3, 2), ("b", "a"), (0.5, 1.5)), least=1, most=32, sees_null=True, oracle="least({all})",
    ),
    Function(
        "sin", ("sin",), (_X,), _REAL, mean.sin, rule.one,
        "the sine of an angle in radians", "正弦 (弧度)", ((1,), (0.5,)), exact=False, oracle="sin({0})",
    ),
    Function(
        "cos", ("cos",), (_X,), _REAL, mean.cos, rule.one,
        "the cosine of an angle in radians", "余弦 (弧度)", ((1,), (0.5,)), exact=False, oracle="cos({0})",
    ),
    Function(
        "tan", ("tan",), (_X,), _REAL, mean.tan, rule.unknown_real,
        "the tangent of an angle in radians", "正切 (弧度)", ((1,), (0.5,)), exact=False, oracle="tan({0})",
    ),
    Function(
        "asin", ("asin",), (_X,), _REAL, mean.asin, rule.half_turn,
        "the angle in radians whose sine this is; NULL beyond [-1, 1]", "反正弦; 超出 [-1, 1] 时为 NULL",
        ((1,), (0.5,)), exact=False, oracle="asin({0})",
    ),
    Function(
        "acos", ("acos",), (_X,), _REAL, mean.acos, rule.upper_turn,
        "the angle in radians whose cosine this is; NULL beyond [-1, 1]", "反余弦; 超出 [-1, 1] 时为 NULL",
        ((1,), (0.5,)), exact=False, oracle="acos({0})",
    ),
    Function(
        "atan", ("atan",), (_X,), _REAL, mean.atan, rule.half_turn,
        "the angle in radians whose tangent this is", "反正切", ((1,), (0.5,)), exact=False, oracle="atan({0})",
    ),
    Function(
        "atan2", ("atan2",), (number("y"), _X), _REAL, mean.atan2, rule.full_turn,
        "the angle in radians of the point with these coordinates, y first", "点 (y, x) 的角度 (弧度)",
        ((1, 2), (0.5, -1.5)), exact=False, oracle="atan2({0}, {1})",
    ),
    Function(
        "radians", ("radians",), (_X,), _REAL, mean.radians, rule.radians,
        "an angle in degrees as radians", "角度转弧度", ((180,), (45.0,)), exact=False, oracle="radians({0})",
    ),
    Function(
        "degrees", ("degrees",), (_X,), _REAL, mean.degrees, rule.degrees,
        "an angle in radians as degrees", "弧度转角度", ((1,), (0.5,)), exact=False, oracle="degrees({0})",
    ),
    Function("pi", ("pi",), (), _REAL, mean.circle, rule.circle, "the number π", "圆周率", ((),), oracle="pi()"),
    Function(
        "width_bucket", ("width_bucket",),
        (_X, constant_number("low"), constant_number("high"), constant_integer("buckets", 1, 100_000)),
        _WHOLE, mean.width_bucket, rule.width_bucket,
        "the number of the bucket that the value falls into, of so many equal ones from low to high: 0 below them, one more "
        "than their number from high on",
        "等宽分箱的箱号: 低于下限为 0, 不低于上限为箱数加一", ((5, 0, 10, 5), (9.99, 0.0, 10.0, 4)),
    ),
)
# fmt: on
"""Numbers: INT stays INT where the result is whole by nature; see `entry.Function` for what happens beyond the limits."""
