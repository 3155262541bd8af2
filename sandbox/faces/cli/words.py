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
    "nothing-more-spent": ("Nothing more was spent.", "未再消耗预算。"),
    "reviewers": ("reviewers", "审核理由"),
    "review-id": ("review", "审核编号"),
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
    "waiting": ("{query} is being measured; waiting for the release", "{query} 正在测量，等待发布"),
    "released": (
        "{query}: charged {symbol} = {amount} (epsilon {epsilon}); log entry {entry}; certificate and proofs hold.",
        "{query}：计费 {symbol} = {amount}（epsilon {epsilon}）；日志条目 {entry}；证书与证明均成立。",
    ),
    "reused": (
        "{query}: the stored answer to the same question; nothing was charged; certificate and proofs hold.",
        "{query}：返回同一问题的已存答案，未计费；证书与证明均成立。",
    ),
    "steps": ("in {count} steps", "共 {count} 步"),
    "step": ("Step {number}", "第 {number} 步"),
    "described": ("{name}: {title} ({grade}, steward {steward})", "{name}：{title}（{grade}，数据管理员 {steward}）"),
    "space-terms": (
        "unit space {space}: {mode}, epsilon {epsilon}, delta {delta}; this dataset: epsilon {own}{version}",
        "单元空间 {space}：{mode}，epsilon {epsilon}，delta {delta}；本数据集：epsilon {own}{version}",
    ),
    "public-terms": (
        "public: everybody may see it and join with it, at no cost{version}",
        "公开：人人可见，可与之连接，不消耗预算{version}",
    ),
    "version-words": ("; version {version}", "；版本 {version}"),
    "table-units": (
        "table {name}: unit {unit}, at most {rows} rows, {each} a unit in {groups} groups",
        "表 {name}：单元 {unit}，最多 {rows} 行，每个单元最多 {each} 行、{groups} 组",
    ),
    "table-public": ("table {name}: at most {rows} rows", "表 {name}：最多 {rows} 行"),
    "unit-link": ("of {through}, where {column} = {key}", "取自 {through}（{column} = {key}）"),
    "key-words": ("; one row for each {key}", "；每个 {key} 一行"),
    "interval": ("95 % interval", "95 % 区间"),
    "computed": ("{name}: {meaning}", "{name}：{meaning}"),
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
    "verified": ("Every proof of this release holds:", "此发布的全部证明均成立："),
    "requested": (
        "Requested: {request}. A steward of {datasets} decides.",
        "已提交申请：{request}。由 {datasets} 的数据管理员审批。",
    ),
    "approved": (
        "Approved: grant {grant} for {analyst}.",
        "已批准：{analyst} 的授权 {grant}。",
    ),
    "declined": ("Declined: {request}.", "已拒绝：{request}。"),
    "revoked": (
        "Revoked: {grant}. Nothing leaves under it from now on.",
        "已撤销：{grant}。自此不再有任何结果据此发布。",
    ),
    "hint-datasets": ("The catalogue has: {names}", "目录中有：{names}"),
    "hint-tables": ("{dataset} offers the tables: {names}", "{dataset} 提供的表：{names}"),
    "hint-columns": ("{table} offers the columns: {names}", "{table} 提供的列：{names}"),
    "review": ("Review", "审核"),
    "keys-made": (
        "Keys {key} are registered; their private halves are in {place}, and nowhere else. Keep a copy of that file.",
        "密钥 {key} 已登记；私钥仅存于 {place}，请自行备份。",
    ),
    "keys-here": ("Your keys {key} are in {place}.", "您的密钥 {key} 位于 {place}。"),
    "keys-absent": (
        "Keys are registered for you, but not here: {place} lacks them. Without them you can ask for checks only.",
        "您已登记密钥，但本机的 {place} 中没有；没有密钥只能做预检。",
    ),
    "keys-unsafe": ("{detail} {advice}", "{detail} {advice}"),
    "withdrawn": ("Withdrawn: {query}. Its loss stays spent.", "已撤回：{query}。其隐私损失已计入。"),
    "see-later": (
        "See it later with: sandbox release show {query}; withdraw it with: sandbox query withdraw {query}",
        "稍后查看：sandbox release show {query}；撤回：sandbox query withdraw {query}",
    ),
    "ask": ("Asked", "申请内容"),
    "need": ("Need", "使用需要"),
    "purpose": ("Purpose", "目的"),
    "plan": ("Plan", "计划"),
    "bounds": ("Bounds", "贡献界限"),
    "check": ("Check", "检查"),
    "vote": ("Vote", "投票"),
    "state": ("State", "状态"),
    "digest": ("Digest", "摘要"),
    "votes-cast": ("{verdict} ({round} round): {reason}", "{verdict}（{round}）：{reason}"),
    "approve": ("approve", "同意"),
    "reject": ("reject", "反对"),
    "independent": ("independent", "独立表决"),
    "consolidation": ("consolidating", "合议"),
    "third": ("third", "第三人裁定"),
    "afterwards": ("afterwards", "事后复查"),
    "general": ("general", "一般"),
    "important": ("important", "重要"),
    "core": ("core", "核心"),
    "bounds-words": (
        "of one unit at most {rows} rows, in at most {groups} groups, {rows_per_group} in each",
        "每个隐私单元最多 {rows} 行，最多涉及 {groups} 组，每组最多 {rows_per_group} 行",
    ),
    "dataset-words": ("{dataset}, version {version} ({grade})", "{dataset}，第 {version} 版（{grade}）"),
    "grant-words": (
        "{grant} for {purpose}; {used} of {uses} uses; until {until}",
        "{grant}，目的 {purpose}；已用 {used}/{uses} 次；至 {until}",
    ),
    "unlimited": ("unlimited", "不限"),
    "ok": ("in order", "通过"),
    "held": ("held", "需审核"),
    "hint": ("note", "提示"),
    "requests-wait": (
        "Requests not decided yet: {count}. See them with: sandbox grant list --requests",
        "待审批的申请：{count} 项。查看：sandbox grant list --requests",
    ),
    "person": ("person", "人员"),
    "how-to-vote": (
        "Decide with: sandbox review approve {review} -m REASON, or: sandbox review reject {review} -m REASON",
        "作出决定：sandbox review approve {review} -m 理由，或：sandbox review reject {review} -m 理由",
    ),
    "ask-approve": ("Approve exactly this?", "确认批准此内容？"),
    "ask-reject": ("Reject exactly this?", "确认驳回此内容？"),
    "not-voted": ("No vote was cast.", "未投票。"),
    "voted": ("Voted: {verdict} ({review}). {state}", "已投票：{verdict}（{review}）。{state}"),
    "frozen": (
        "Frozen: {subject} {name} ({freeze}). Two officers can lift it: sandbox unfreeze {freeze} -m REASON",
        "已冻结：{subject} {name}（{freeze}）。须两名安全员解除：sandbox unfreeze {freeze} -m 理由",
    ),
    "lift-asked": (
        "Asked for: {freeze} stays in force until another officer does the same.",
        "已提出解除 {freeze}：须另一名安全员同样操作后方可生效。",
    ),
    "lifted": ("Lifted: {freeze}.", "已解除：{freeze}。"),
    "allowed-policy": ("Allowed, by:", "允许，依据："),
    "refused-policy": ("Refused ({code}), by:", "拒绝（{code}），依据："),
    "examples-hold": ("Every example of the policies holds.", "策略的全部示例均成立。"),
    "examples-fail": ("Examples of the policies that do not hold: {count}.", "策略有 {count} 个示例不成立。"),
    "written": ("Written: {path}.", "已写入：{path}。"),
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
