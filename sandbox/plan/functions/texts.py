"""Entries: functions of texts. A character is a Unicode code point; positions count from 1."""

from sandbox.plan.facts import TEXT_LIMIT
from sandbox.plan.functions import text_meanings as mean
from sandbox.plan.functions import text_rules as rule
from sandbox.plan.functions.entry import Function, always, constant_integer, constant_text, integer, text
from sandbox.terms.dataset import Type

_S = text()
_TEXT = always(Type.STRING)
_WHOLE = always(Type.INT)
_TRUTH = always(Type.BOOL)
_LENGTH = constant_integer("length", 0, TEXT_LIMIT)

# A line for each of: name and types, rules, words.
# fmt: off
ENTRIES: tuple[Function, ...] = (
    Function(
        "lower", ("lower", "lcase"), (_S,), _TEXT, mean.lower, rule.same_length,
        "the text in lower case, letter by letter", "转为小写 (逐字符)", (("ABC",), ("ÄÖ",)), oracle="lower({0})",
    ),
    Function(
        "upper", ("upper", "ucase"), (_S,), _TEXT, mean.upper, rule.same_length,
        "the text in upper case, letter by letter", "转为大写 (逐字符)", (("abc",), ("äö",)), oracle="upper({0})",
    ),
    Function(
        "initcap", ("initcap",), (_S,), _TEXT, mean.initcap, rule.same_length,
        "each word with a capital first letter and the others small; words are runs of ASCII letters and digits and of "
        "characters beyond ASCII", "每个单词首字母大写", (("hello wORLD",),),
    ),
    Function(
        "length", ("length", "len", "char_length", "character_length"), (_S,), _WHOLE, mean.length, rule.length,
        "how many characters the text has", "字符数", (("abc",), ("",)), oracle="length({0})",
    ),
    Function(
        "trim", ("trim",), (_S, constant_text("characters")), _TEXT, mean.trim, rule.same_length,
        "the text without the given characters (the space, if not said) at both ends", "去掉两端的指定字符 (默认空格)",
        (("  a ",), ("xxaxx", "x")), least=1, oracle="trim({all})",
    ),
    Function(
        "ltrim", ("ltrim",), (_S, constant_text("characters")), _TEXT, mean.ltrim, rule.same_length,
        "the text without the given characters (the space, if not said) at its start", "去掉开头的指定字符 (默认空格)",
        (("  a ",), ("xxaxx", "x")), least=1, oracle="ltrim({all})",
    ),
    Function(
        "rtrim", ("rtrim",), (_S, constant_text("characters")), _TEXT, mean.rtrim, rule.same_length,
        "the text without the given characters (the space, if not said) at its end", "去掉结尾的指定字符 (默认空格)",
        (("  a ",), ("xxaxx", "x")), least=1, oracle="rtrim({all})",
    ),
    Function(
        "substring", ("substring", "substr"), (_S, integer("start"), integer("length")), _TEXT,
        mean.substring, rule.substring,
        "the characters from a position on, so many of them or all; a negative position counts from the end",
        "从指定位置起的子串; 负位置从末尾数", (("hello", 2, 3), ("hello", -3), ("hello", 2)), least=2,
        oracle="substring({all})",
    ),
    Function(
        "left", ("left",), (_S, integer("length")), _TEXT, mean.left, rule.head,
        "the first characters; a negative number leaves so many out at the end", "左边若干字符; 负数表示去掉末尾若干",
        (("hello", 2), ("hello", -2)), oracle="left({0}, {1})",
    ),
    Function(
        "right", ("right",), (_S, integer("length")), _TEXT, mean.right, rule.head,
        "the last characters; a negative number leaves so many out at the start", "右边若干字符; 负数表示去掉开头若干",
        (("hello", 2), ("hello", -2)), oracle="right({0}, {1})",
    ),
    Function(
        "replace", ("replace",), (_S, text("old"), text("new")), _TEXT, mean.replace, rule.replace,
        "the text with every occurrence of the second replaced by the third; an empty one is found nowhere",
        "替换所有出现的子串", (("banana", "an", "o"), ("aaa", "", "b")), oracle="replace({0}, {1}, {2})",
    ),
    Function(
        "concat", ("concat",), (_S,), _TEXT, mean.concat, rule.concat,
        "the texts one after the other, NULLs left out", "连接文本, 忽略 NULL", (("a", "b", "c"), ("a", None)),
        least=1, most=32, sees_null=True, oracle="concat({all})",
    ),
    Function(
        "concat_op", ("||",), (_S, text("other")), _TEXT, mean.joined, rule.concat,
        "both texts one after the other", "连接两个文本 (NULL 则为 NULL)", (("a", "b"),), oracle="{0} || {1}",
    ),
    Function(
        "reverse", ("reverse",), (_S,), _TEXT, mean.backwards, rule.same_length,
        "the characters in the opposite order", "反转字符顺序", (("abc",),),
    ),
    Function(
        "lpad", ("lpad",), (_S, _LENGTH, constant_text("fill")), _TEXT, mean.lpad, rule.padded,
        "the text cut to a length, or filled up to it at the start (with spaces, if not said)",
        "左侧填充或截断到指定长度 (默认填空格)", (("abc", 6, "xy"), ("abc", 2)), least=2, oracle="lpad({0}, {1}::int, {2})",
    ),
    Function(
        "rpad", ("rpad",), (_S, _LENGTH, constant_text("fill")), _TEXT, mean.rpad, rule.padded,
        "the text cut to a length, or filled up to it at the end (with spaces, if not said)",
        "右侧填充或截断到指定长度 (默认填空格)", (("abc", 6, "xy"), ("abc", 2)), least=2, oracle="rpad({0}, {1}::int, {2})",
    ),
    Function(
        "repeat", ("repeat",), (_S, constant_integer("times", 0, TEXT_LIMIT)), _TEXT, mean.repeated, rule.repeated,
        "the text so many times", "重复文本", (("ab", 3),), oracle="repeat({0}, {1})",
    ),
    Function(
        "starts_with", ("starts_with", "startswith", "prefix", "^@"), (_S, text("start")), _TRUTH, mean.starts, rule.truth,
        "whether the text begins with the other", "是否以另一文本开头", (("abc", "a"),), oracle="starts_with({0}, {1})",
    ),
    Function(
        "ends_with", ("ends_with", "endswith", "suffix"), (_S, text("end")), _TRUTH, mean.ends, rule.truth,
        "whether the text ends with the other", "是否以另一文本结尾", (("abc", "c"),), oracle="ends_with({0}, {1})",
    ),
    Function(
        "contains", ("contains",), (_S, text("part")), _TRUTH, mean.contains, rule.truth,
        "whether the other occurs in the text", "是否包含另一文本", (("abc", "b"),), oracle="contains({0}, {1})",
    ),
    Function(
        "strpos", ("strpos", "instr", "position"), (_S, text("part")), _WHOLE, mean.position, rule.position,
        "the position at which the other first occurs, 0 if nowhere", "首次出现的位置, 没有则为 0",
        (("abc", "c"), ("abc", "x")), oracle="strpos({0}, {1})",
    ),
    Function(
        "like", ("like", "~~"), (_S, constant_text("pattern")), _TRUTH, mean.like, rule.truth,
        "whether the whole text matches: _ is any character, % any run of them", "是否匹配模式: _ 任一字符, % 任意串",
        (("abc", "a%"), ("abc", "_b_")), oracle="{0} like {1}",
    ),
    Function(
        "ilike", ("ilike", "~~*"), (_S, constant_text("pattern")), _TRUTH, mean.ilike, rule.truth,
        "as like, after both are put in lower case", "同 like, 不分大小写", (("ABC", "a%"),), oracle="{0} ilike {1}",
    ),
    Function(
        "split_part", ("split_part",), (_S, constant_text("separator"), constant_integer("number", -1_000, 1_000)), _TEXT,
        mean.split_part, rule.same_length,
        "the part of that number between separators, from the end if negative, empty if there is none",
        "按分隔符切分后的第几段; 负数从末尾数", (("a,b,c", ",", 2), ("a,b,c", ",", -1)),
        oracle="split_part({0}, {1}, {2})",
    ),
    Function(
        "ascii", ("ascii",), (_S,), _WHOLE, mean.code_point, rule.code_point,
        "the code point of the first character, 0 of an empty text", "首字符的码点, 空文本为 0", (("a",), ("",)),
        oracle="ascii({0})",
    ),
    Function(
        "chr", ("chr",), (integer("code"),), _TEXT, mean.character, rule.character,
        "the character of a code point; NULL where there is none", "码点对应的字符; 无效为 NULL", ((8364,), (-1,)),
        oracle="case when {0} between 1 and 55295 or {0} between 57344 and 1114111 then chr(try_cast({0} as int)) end",
    ),
    Function(
        "translate", ("translate",), (_S, constant_text("from"), constant_text("to")), _TEXT,
        mean.translate, rule.same_length,
        "each character of the second argument replaced by the one at its place in the third, or left out",
        "按对应位置替换字符", (("12345", "143", "ax"),), oracle="translate({0}, {1}, {2})",
    ),
)
# fmt: on
