"""The rules by their ids, each as one sentence in English and Simplified Chinese.

A sentence states the rule, so it reads as a reason where the rule holds a release and as a check where it passes it. It
names no threshold: profiles are in the policy bundle, and an analyst needs none of them.
"""

GRADE_REVIEWED = "grade-reviewed"
GRANT_HELD = "grant-held"
GRANT_TWO_VOTES = "grant-two-votes"
PROFILE_MISMATCH = "profile-mismatch"
NEED_MISSING = "need-missing"
HIGH_EPSILON = "high-epsilon"
LARGE_SHARE = "large-share"
MANY_CELLS = "many-cells"
MORE_THAN_ASKED = "more-than-asked"
SMALL_NOISY_COUNT = "small-noisy-count"
WIDE_INTERVALS = "wide-intervals"
SAMPLED = "sampled"

UNCHECKED = "-unchecked"
"""Ends the id of a rule that could not be evaluated, and therefore holds."""

WORDS = {
    GRADE_REVIEWED: ("Every release of this grade waits for its votes.", "该级别数据的每次发布均须经表决。"),
    GRANT_HELD: ("The grant demands a reviewer's vote on every release.", "授权要求每次发布均须经一名审核人员同意。"),
    GRANT_TWO_VOTES: (
        "The grant demands two blind votes on every release.",
        "授权要求每次发布均须经两名审核人员独立表决。",
    ),
    PROFILE_MISMATCH: (
        "A release waits for a reviewer where the review profile is for another grade than its data.",
        "审核规则与数据级别不符的发布须经审核。",
    ),
    NEED_MISSING: ("A release whose need was not said waits for a reviewer.", "未说明使用需要的发布须经审核。"),
    HIGH_EPSILON: (
        "A query that costs more ε than the profile lets pass waits for a reviewer.",
        "单次查询的 ε 超过规则上限的发布须经审核。",
    ),
    LARGE_SHARE: (
        "A query that takes more of its grant's ε than the profile lets pass waits for a reviewer.",
        "单次查询占用授权 ε 的比例超过规则上限的发布须经审核。",
    ),
    MANY_CELLS: (
        "A table of more cells than the profile lets pass waits for a reviewer.",
        "单元格数超过规则上限的表须经审核。",
    ),
    MORE_THAN_ASKED: (
        "An answer with more groups or columns than its plan waits for a reviewer.",
        "分组或列多于查询计划的结果须经审核。",
    ),
    SMALL_NOISY_COUNT: (
        "A table with a noisy count from 1 up to the profile's threshold waits for a reviewer.",
        "含有低于规则下限的非零加噪计数的表须经审核。",
    ),
    WIDE_INTERVALS: (
        "A table in which too many values are smaller than their own noise waits for a reviewer.",
        "过多数值小于自身噪声的表须经审核。",
    ),
    SAMPLED: ("Chosen by chance, to be looked at after its release.", "随机抽中，发布后由审核人员复查。"),
}
"""Rule id → (English, Chinese), in the order in which rules are reported."""

_UNCHECKED_WORDS = ("This could not be checked, and so it holds: ", "此项无法检查，因此须经审核：")
_UNKNOWN_WORDS = ("A rule of another version of the sandbox: ", "其他版本沙箱的规则：")


def rule_words(rule_id: str, language: str) -> str:
    """What a rule says, in "zh" or (any other language) English. Any text has an answer: ids of other versions too."""
    place = 1 if language == "zh" else 0
    if rule_id in WORDS:
        return WORDS[rule_id][place]
    plain = rule_id.removesuffix(UNCHECKED)
    if plain in WORDS:
        return _UNCHECKED_WORDS[place] + WORDS[plain][place]
    return _UNKNOWN_WORDS[place] + rule_id
