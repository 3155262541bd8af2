"""What a verified release proves, and what it does not, in sentences for people."""

from typing import Any

from sandbox.terms.loss import units_text

_SYMBOL = {"zcdp": "ρ", "pure": "ε"}


def release_words(facts: dict[str, Any], entries: dict[str, int], reused: str | None, language: str) -> list[str]:
    """One sentence a fact, in "en" or "zh"."""
    chinese = language == "zh"
    words = _chinese(facts, entries) if chinese else _english(facts, entries)
    if reused is not None:
        words.append(
            f"查询 {reused} 得到的是此前已存的答案，未再产生损失。"
            if chinese
            else f"Query {reused} got this stored answer again; it cost nothing more."
        )
    return [*words, *(_limits_zh(facts) if chinese else _limits_en(facts))]


def _loss(facts: dict[str, Any]) -> str:
    loss = facts["loss"]
    return f"{_SYMBOL.get(loss['mode'], loss['mode'])} = {units_text(int(loss['units']))}"


def _english(facts: dict[str, Any], entries: dict[str, int]) -> list[str]:
    return [
        f"It was signed by the release key of {facts['log']['origin']}: nothing in it was changed since.",
        (
            f"It answers query {facts['query']} of {facts['person']} ({facts['organisation']}), signed with their key "
            f"{facts['key']}, under grant {facts['grant']}, version {facts['grant_version']}, for the purpose "
            f"{facts['purpose']}."
        ),
        (
            f"It was measured on {facts['dataset']}, version {facts['data_version']} (manifest {facts['manifest'][:16]}…), with "
            f"{facts['mechanism']} noise, at a privacy loss of {_loss(facts)}."
        ),
        (
            f"The loss was reserved in entry {entries['reserved']} of the log, before any data was read; the answer was "
            f"committed in entry {entries['committed']} and let out in entry {entries['released']}. All are in the log."
        ),
        _review_en(facts["review"]),
        f"Only the holder of the keys {facts['key']} can open the answer.",
    ]


def _review_en(review: dict[str, Any]) -> str:
    count = len(review["approvals"])
    if review["outcome"] == "held":
        people = "one reviewer" if count == 1 else f"{count} reviewers"
        return f"It was held for review, and {people} approved exactly this answer ({review['id']})."
    later = "; it is among those that reviewers look at afterwards" if review["outcome"] == "sampled" else ""
    return f"The rules of the profile {review['profile']} let it out without a reviewer ({review['id']}){later}."


def _limits_en(facts: dict[str, Any]) -> list[str]:
    lines = [
        (
            f"Not proved: that the machine ran the program it should have. The assurance level is {facts['assurance']}, "
            f"the engine's network was {facts['network']}."
        )
    ]
    if facts["clock"].get("on") is not True:
        lines.append("Not protected: the release clock was off, so the time the answer took may tell of the data.")
    return lines


def _chinese(facts: dict[str, Any], entries: dict[str, int]) -> list[str]:
    return [
        f"由 {facts['log']['origin']} 的发布密钥签名：此后内容未被改动。",
        (
            f"它回答 {facts['person']}（{facts['organisation']}）以密钥 {facts['key']} 签名提交的查询 {facts['query']}，"
            f"依据授权 {facts['grant']}（版本 {facts['grant_version']}），目的为 {facts['purpose']}。"
        ),
        (
            f"测量对象为 {facts['dataset']} 第 {facts['data_version']} 版（清单 {facts['manifest'][:16]}…），"
            f"噪声机制为 {facts['mechanism']}，隐私损失为 {_loss(facts)}。"
        ),
        (
            f"损失在读取任何数据之前已预留（日志条目 {entries['reserved']}）；答案提交于条目 {entries['committed']}，"
            f"发布于条目 {entries['released']}。以上条目均在日志中。"
        ),
        _review_zh(facts["review"]),
        f"只有密钥 {facts['key']} 的持有人能打开答案。",
    ]


def _review_zh(review: dict[str, Any]) -> str:
    if review["outcome"] == "held":
        return f"该发布曾暂缓待审，{len(review['approvals'])} 名审核人员批准了这一答案（{review['id']}）。"
    later = "，并被抽中供事后审核" if review["outcome"] == "sampled" else ""
    return f"按审核规则 {review['profile']} 自动发布（{review['id']}）{later}。"


def _limits_zh(facts: dict[str, Any]) -> list[str]:
    lines = [
        f"未能证明：机器运行的确为应有的程序。保证级别为 {facts['assurance']}，计算引擎的网络为 {facts['network']}。"
    ]
    if facts["clock"].get("on") is not True:
        lines.append("未受保护：发布时钟已关闭，答案用时可能泄露数据信息。")
    return lines
