"""Entries: functions of dates and timestamps.

Moments are of the proleptic Gregorian calendar in UTC. A date or timestamp outside of the years 1 to 9999 is NULL to every
function here, as argument and as result.
"""

from sandbox.plan.functions import moment_meanings as mean
from sandbox.plan.functions import moment_rules as rule
from sandbox.plan.functions.entry import Function, always, constant_text, integer, takes
from sandbox.terms.dataset import Type

DATE_UNITS = ("day", "week", "month", "quarter", "year", "decade", "century")
TIME_UNITS = ("microsecond", "millisecond", "second", "minute", "hour")
DATE_PARTS = ("year", "quarter", "month", "day", "dow", "isodow", "doy", "week", "isoyear", "decade", "century")
TIME_PARTS = ("hour", "minute", "second", "millisecond", "microsecond")
DATE_STEPS = ("day", "week", "month", "quarter", "year")

UNIT_SPELLINGS = {
    "days": "day", "d": "day", "weeks": "week", "w": "week", "months": "month", "mon": "month", "mons": "month",
    "quarters": "quarter", "years": "year", "y": "year", "yr": "year", "decades": "decade", "centuries": "century",
    "hours": "hour", "h": "hour", "hr": "hour", "minutes": "minute", "min": "minute", "mins": "minute", "m": "minute",
    "seconds": "second", "sec": "second", "secs": "second", "s": "second", "milliseconds": "millisecond",
    "ms": "millisecond", "microseconds": "microsecond", "us": "microsecond",
    "dayofweek": "dow", "weekday": "dow", "dayofweekiso": "isodow", "dayofweek_iso": "isodow", "dayofyear": "doy",
    "dayofmonth": "day", "weekofyear": "week", "weekiso": "week",
}  # fmt: skip
"""Other spellings of units and parts, in lower case; year(x) and the like are date_part with that part."""

_DAY = takes("date", Type.DATE)
_TIME = takes("timestamp", Type.TIMESTAMP)
_DATE = always(Type.DATE)
_STAMP = always(Type.TIMESTAMP)
_WHOLE = always(Type.INT)
_REAL = always(Type.FLOAT)
_TEXT = always(Type.STRING)

# A line for each of: name and types, rules, words.
# fmt: off
ENTRIES: tuple[Function, ...] = (
    Function(
        "date_trunc", ("date_trunc", "datetrunc"), (constant_text("unit", *DATE_UNITS), _DAY), _DATE,
        mean.date_trunc, rule.date_trunc,
        "the first day of the date's week (Monday), month, quarter, year, decade or century",
        "所在周 (周一起)、月、季、年等的第一天", (("month", 19_849), ("week", 0)), oracle="date_trunc({0}, {1})::date",
    ),
    Function(
        "timestamp_trunc", ("date_trunc", "datetrunc"), (constant_text("unit", *TIME_UNITS, *DATE_UNITS), _TIME), _STAMP,
        mean.timestamp_trunc, rule.timestamp_trunc,
        "the first moment of the timestamp's second, minute, hour, day, week (Monday), month, quarter, year, decade or century",
        "所在秒、分、时、日、周、月、季、年等的起点", (("hour", 1_714_990_272_500_000), ("month", 0)),
        oracle="date_trunc({0}, {1})::timestamp",
    ),
    Function(
        "date_part", ("date_part", "datepart", "extract"), (constant_text("part", *DATE_PARTS), _DAY), _WHOLE,
        mean.date_part, rule.date_part,
        "a number of the date: its year, quarter, month, day, day of the week (dow: Sunday 0; isodow: Monday 1 to Sunday 7), "
        "day of the year, ISO week, ISO year, decade or century",
        "日期的年、季、月、日、星期 (dow 周日为 0, isodow 周一为 1)、年内日、ISO 周等", (("year", 19_849), ("dow", 0)),
        oracle="date_part({0}, {1})",
    ),
    Function(
        "timestamp_part", ("date_part", "datepart", "extract"), (constant_text("part", *TIME_PARTS, *DATE_PARTS), _TIME),
        _WHOLE, mean.timestamp_part, rule.timestamp_part,
        "a number of the timestamp: as of a date, or its hour, minute, second, or the milliseconds or microseconds of the "
        "minute", "时间戳的年月日等, 或时、分、秒等", (("hour", 1_714_990_272_500_000), ("millisecond", 1_500_000)),
        oracle="date_part({0}, {1})",
    ),
    Function(
        "epoch", ("epoch",), (_TIME,), _REAL, mean.epoch, rule.epoch,
        "seconds since 1970-01-01, with their fraction (extract(epoch from …))", "自 1970-01-01 起的秒数",
        ((1_714_990_272_500_000,),), oracle="epoch({0})",
    ),
    Function(
        "date_diff", ("date_diff", "datediff"),
        (constant_text("unit", *DATE_UNITS), takes("start", Type.DATE), takes("end", Type.DATE)), _WHOLE,
        mean.date_diff, rule.date_diff,
        "how many boundaries of the unit lie between two dates, the end less the start; of weeks, how many whole ones", "两个日期之间跨过的单位边界数",
        (("day", 19_000, 19_849), ("month", 19_753, 19_754)), oracle="date_diff({0}, {1}, {2})",
    ),
    Function(
        "timestamp_diff", ("date_diff", "datediff"),
        (constant_text("unit", *TIME_UNITS, *DATE_UNITS), takes("start", Type.TIMESTAMP), takes("end", Type.TIMESTAMP)),
        _WHOLE, mean.timestamp_diff, rule.timestamp_diff,
        "how many boundaries of the unit lie between two timestamps, the end less the start; of weeks, how many whole ones", "两个时间戳之间跨过的单位边界数",
        (("hour", 0, 7_200_000_000), ("month", 0, 1_714_990_272_500_000)), oracle="date_diff({0}, {1}, {2})",
    ),
    Function(
        "date_add", ("date_add", "+", "-"), (_DAY, integer("number"), constant_text("unit", *DATE_STEPS)), _DATE,
        mean.date_add, rule.date_add,
        "the date so many days, weeks, months, quarters or years later; the day of the month is cut to the month's last",
        "若干天、周、月、季、年之后的日期 (月末截断)", ((19_753, 1, "month"), (0, -5, "day")),
        oracle="({0} + {1}::int * cast('1 ' || {2} as interval))::date",
    ),
    Function(
        "timestamp_add", ("date_add", "+", "-"),
        (_TIME, integer("number"), constant_text("unit", *TIME_UNITS, *DATE_STEPS)), _STAMP,
        mean.timestamp_add, rule.timestamp_add,
        "the timestamp so many units later; the day of the month is cut to the month's last", "若干单位之后的时间戳",
        ((0, 1, "month"), (0, -5, "hour")),
        oracle="{0} + {1} * cast('1 ' || {2} as interval)",
    ),
    Function(
        "date_sub_days", ("-",), (_DAY, takes("other", Type.DATE)), _WHOLE, mean.date_sub_days, rule.date_sub_days,
        "how many days the first date is later than the second", "两个日期相差的天数", ((19_849, 19_000),),
        oracle="{0} - {1}",
    ),
    Function(
        "make_date", ("make_date", "datefromparts"), (integer("year"), integer("month"), integer("day")), _DATE,
        mean.make_date, rule.any_date,
        "the date of a year, month and day; NULL where there is none", "由年月日构成日期; 无效为 NULL",
        ((2024, 2, 29), (2023, 2, 29)), oracle="make_date({0}, {1}, {2})",
    ),
    Function(
        "last_day", ("last_day",), (_DAY,), _DATE, mean.last_day, rule.last_day,
        "the last day of the date's month", "当月最后一天", ((19_753,),), oracle="last_day({0})",
    ),
    Function(
        "dayname", ("dayname",), (_DAY,), _TEXT, mean.dayname, rule.dayname,
        "the English name of the day of the week", "星期的英文名", ((19_753,),), oracle="dayname({0})",
    ),
    Function(
        "monthname", ("monthname",), (_DAY,), _TEXT, mean.monthname, rule.monthname,
        "the English name of the month", "月份的英文名", ((19_753,),), oracle="monthname({0})",
    ),
)
# fmt: on
