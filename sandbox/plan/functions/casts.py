"""Entries: one type's values as another's. What cannot be converted is NULL, as TRY_CAST gives it."""

from sandbox.plan.functions import cast_meanings as mean
from sandbox.plan.functions import cast_rules as rule
from sandbox.plan.functions.entry import Function, always, takes
from sandbox.terms.dataset import Type

# A line for each of: name and types, rules, words.
# fmt: off
ENTRIES: tuple[Function, ...] = (
    Function(
        "cast_int", ("cast", "try_cast"), (takes("value", Type.FLOAT, Type.STRING, Type.BOOL),), always(Type.INT),
        mean.to_int, rule.to_int,
        "a real number rounded (halves to the even one), a text that spells an integer, a truth value as 0 or 1; NULL where "
        "there is no such integer", "转换为整数 (半数取偶); 不能转换时为 NULL", ((2.5,), ("-12",), (True,)),
        oracle="try_cast({0} as bigint)",
    ),
    Function(
        "cast_float", ("cast", "try_cast"), (takes("value", Type.INT, Type.STRING, Type.BOOL),), always(Type.FLOAT),
        mean.to_float, rule.to_float,
        "the double nearest to an integer or to the number that a text spells; NULL where it spells none",
        "转换为实数; 不能转换时为 NULL", ((3,), ("1.5e3",), (True,)), oracle="try_cast({0} as double)",
    ),
    Function(
        "cast_string", ("cast", "try_cast"), (takes("value", Type.INT, Type.BOOL),), always(Type.STRING),
        mean.to_string, rule.to_string,
        "the decimal digits of an integer; true or false", "整数或真值的文本", ((-12,), (True,)),
        oracle="cast({0} as varchar)",
    ),
    Function(
        "date_string", ("cast", "try_cast"), (takes("value", Type.DATE),), always(Type.STRING),
        mean.date_string, rule.date_string,
        "a date as 2024-01-31; NULL outside of the years 1 to 9999", "日期的 ISO 文本", ((19_753,),),
        oracle="cast({0} as varchar)",
    ),
    Function(
        "timestamp_string", ("cast", "try_cast"), (takes("value", Type.TIMESTAMP),), always(Type.STRING),
        mean.timestamp_string, rule.timestamp_string,
        "a timestamp as 2024-01-31 12:00:00, with as many decimals as it needs; NULL outside of the years 1 to 9999",
        "时间戳的文本", ((1_714_990_272_500_000,),), oracle="cast({0} as varchar)",
    ),
    Function(
        "cast_date", ("cast", "try_cast", "date"), (takes("value", Type.STRING, Type.TIMESTAMP),), always(Type.DATE),
        mean.to_date, rule.to_date,
        "the day of a timestamp, or of a text such as 2024-01-31; NULL where there is none", "转换为日期; 不能转换时为 NULL",
        (("2024-01-31",), (1_714_990_272_500_000,)), oracle="try_cast({0} as date)",
    ),
    Function(
        "cast_timestamp", ("cast", "try_cast"), (takes("value", Type.STRING, Type.DATE),), always(Type.TIMESTAMP),
        mean.to_timestamp, rule.to_timestamp,
        "the first moment of a day, or the moment of a text such as 2024-01-31 12:00:00; NULL where there is none",
        "转换为时间戳; 不能转换时为 NULL", (("2024-01-31 12:00:00",), (19_753,)), oracle="try_cast({0} as timestamp)",
    ),
    Function(
        "cast_bool", ("cast", "try_cast"), (takes("value", Type.INT, Type.FLOAT, Type.STRING),), always(Type.BOOL),
        mean.to_bool, rule.truth,
        "whether a number is not zero; a text that says true or false; NULL where it says neither",
        "转换为真值; 不能转换时为 NULL", ((2,), (0.0,), ("true",)), oracle="try_cast({0} as boolean)",
    ),
)
# fmt: on
