"""What the command line itself says, in English and Chinese. Refusals bring their own titles and advice."""

import os
from collections.abc import Mapping
from typing import Final

LANGUAGES: Final = ("en", "zh")

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "place": ("line {line}, column {column}", "第 {line} 行，第 {column} 列"),
    "line": ("line {line}", "第 {line} 行"),
    "reason": ("reason", "原因"),
    "advice": ("advice", "建议"),
    "rewrite": ("write", "改写为"),
    "allowed": ("allowed", "允许"),
    "nothing-spent": ("Nothing was spent.", "未消耗任何预算。"),
    "stays-spent": ("Spent, and stays spent: {amount}.", "已计入且不退还：{amount}。"),
    "maybe-spent": (
        "It may have been spent: run it again with --idempotency-key {key} to learn the answer at no further cost.",
        "可能已计费：请使用 --idempotency-key {key} 重新运行，不会重复计费。",
    ),
    "failed": (
        "The client failed ({kind}, {place}). Set SANDBOX_DEBUG=1 to see more.",
        "客户端出错（{kind}，{place}）。设置 SANDBOX_DEBUG=1 可查看详情。",
    ),
    "answerable": ("✓ Answerable", "✓ 可回答"),
    "cost": ("Cost", "代价"),
    "cost-words": (
        "epsilon {epsilon} ({symbol} = {amount}); {more} of this cost fit into what is left",
        "epsilon {epsilon}（{symbol} = {amount}）；剩余预算可支持同样的查询 {more} 次",
    ),
    "left": ("Left", "剩余"),
    "space": ("unit space", "单元空间"),
    "dataset": ("dataset", "数据集"),
    "grant": ("grant", "授权"),
    "analyst": ("analyst", "分析者"),
    "left-words": ("{symbol} = {left} on the {kind} account {owner}", "{kind}账户 {owner}：{symbol} = {left}"),
    "error": ("Error", "误差"),
    "wait": ("Wait", "等待"),
    "wait-words": ("the answer appears {ms} ms after the run begins", "运行开始 {ms} 毫秒后发布答案"),
    "ask-run": ("Run it for epsilon {epsilon}?", "确认以 epsilon {epsilon} 运行？"),
    "not-run": ("Not run.", "未运行。"),
    "waiting": ("{query} is measured; waiting for the release", "{query} 正在测量，等待发布"),
    "released": (
        "{query}: charged {symbol} = {amount} (epsilon {epsilon}); log entry {entry}; certificate and proofs hold.",
        "{query}：计费 {symbol} = {amount}（epsilon {epsilon}）；日志条目 {entry}；证书与证明均成立。",
    ),
    "reused": (
        "{query}: the stored answer to the same question; nothing was charged; certificate and proofs hold.",
        "{query}：返回同一问题的已存答案，未计费；证书与证明均成立。",
    ),
    "interval": ("95 % interval", "95 % 区间"),
    "accepted": (
        "Accepted; ask for it with: sandbox release show {query}",
        "已受理；查看：sandbox release show {query}",
    ),
    "loading": ("loading", "载入中"),
    "loaded": ("Loaded as version {number}.", "已载入，版本 {number}。"),
    "signed-in": ("Signed in as {name} ({role}, {organisation}).", "已登录：{name}（{role}，{organisation}）。"),
    "token-once": ("The token is shown this once: hand it over safely.", "令牌仅显示一次，请安全转交。"),
    "none": ("There is nothing here.", "没有记录。"),
    "exported": ("The log is in {path}.", "日志已导出到 {path}。"),
    "proved": ("Entry {index} is in the log of {size} entries.", "条目 {index} 在共 {size} 条的日志中。"),
    "more-entries": ("There are more: --before {before}", "还有更多：--before {before}"),
    "opened": ("Opened; entry {index} of the log keeps your reason.", "已开启；理由已记入日志条目 {index}。"),
    "verified": ("Certificate, answer and log entries hold.", "证书、答案与日志条目均成立。"),
    "granted": ("Granted: {grant}.", "已授权：{grant}。"),
    "registered": ("Registered: {name}.", "已登记：{name}。"),
    "saved": ("The whole release is in {path}.", "完整发布内容已保存到 {path}。"),
}


def say(word: str, language: str, **facts: object) -> str:
    """The text named `word` in a language, with its facts filled in."""
    return _WORDS[word][LANGUAGES.index(language)].format(**facts)


def language_of(environment: Mapping[str, str] = os.environ) -> str:
    """The user's language as POSIX locales say it: LC_ALL, then LC_MESSAGES, then LANG."""
    locale = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return "zh" if locale.lower().startswith("zh") else "en"
