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


def _also_en(source: dict[str, Any]) -> str:
    return f" and {source['dataset']}, version {source['data_version']} (manifest {source['manifest'][:16]}…)"


def _also_zh(source: dict[str, Any]) -> str:
    return f"和 {source['dataset']} 第 {source['data_version']} 版（清单 {source['manifest'][:16]}…）"


def _under_en(under: dict[str, Any]) -> str:
    return f" and grant {under['grant']}, version {under['grant_version']}"


def _under_zh(under: dict[str, Any]) -> str:
    return f"和授权 {under['grant']}（版本 {under['grant_version']}）"


def _english(facts: dict[str, Any], entries: dict[str, int]) -> list[str]:
    return [
        f"It was signed by the release key of {facts['log']['origin']}: it is that enclave's word, unchanged since.",
        (
            f"It answers query {facts['query']} of {facts['person']} ({facts['organisation']}), asked under grant "
            f"{facts['grant']}, version {facts['grant_version']}{''.join(_under_en(item) for item in facts['also_under'])}, "
            f"for the purpose {facts['purpose']}, and is sealed to the keys {facts['key']}."
        ),
        (
            f"It was measured on {facts['dataset']}, version {facts['data_version']} (manifest {facts['manifest'][:16]}…)"
            f"{''.join(_also_en(item) for item in facts['also'])}, with "
            f"{facts['mechanism']} noise, at a privacy loss of {_loss(facts)}."
        ),
        (
            f"The loss was reserved in entry {entries['reserved']} of the log, before the answer was committed in entry "
            f"{entries['committed']}; it was let out in entry {entries['released']}. All are in the log, and say the same of "
            "person, grant, data, loss, keys, review and sealed answer."
        ),
        _review_en(facts["review"]),
    ]


def _review_en(review: dict[str, Any]) -> str:
    votes = [str(item["entry"]) for item in review["approvals"]]
    if review["outcome"] == "held":
        third = review["approvals"][0]["round"] == "third"
        people = "one reviewer" if len(votes) == 1 else f"{len(votes)} reviewers"
        who = "two reviewers disagreed and a third" if third else people
        return (
            f"It was held for review, and {who} approved exactly this answer ({review['id']}). The "
            f"log's export shows {'the vote: entry' if len(votes) == 1 else 'the votes: entries'} {', '.join(votes)}."
        )
    later = "; it is among those that reviewers look at afterwards" if review["outcome"] == "sampled" else ""
    return f"The rules of the profile {review['profile']} let it out without a reviewer ({review['id']}){later}."


def _limits_en(facts: dict[str, Any]) -> list[str]:
    lines = [
        (
            f"Not proved by the file alone: that {facts['person']} signed the request, and that the keys {facts['key']} open the "
            "answer. Opening it checks both, and that inside is the answer that was committed."
        ),
        (
            f"Not proved: that the machine ran the program it should have. The assurance level is {facts['assurance']}, "
            f"the engine's network was {facts['network']}."
        ),
    ]
    if facts["clock"].get("on") is not True:
        lines.append("Not protected: the release clock was off, so the time the answer took may tell of the data.")
    return lines


def _chinese(facts: dict[str, Any], entries: dict[str, int]) -> list[str]:
    return [
        f"由 {facts['log']['origin']} 的发布密钥签名：以下为该飞地的声明，此后未被改动。",
        (
            f"它回答 {facts['person']}（{facts['organisation']}）的查询 {facts['query']}，依据授权 {facts['grant']}"
            f"（版本 {facts['grant_version']}）{''.join(_under_zh(item) for item in facts['also_under'])}，目的为 {facts['purpose']}，加密给密钥 {facts['key']}。"
        ),
        (
            f"测量对象为 {facts['dataset']} 第 {facts['data_version']} 版（清单 {facts['manifest'][:16]}…）"
            f"{''.join(_also_zh(item) for item in facts['also'])}，"
            f"噪声机制为 {facts['mechanism']}，隐私损失为 {_loss(facts)}。"
        ),
        (
            f"损失先行预留（日志条目 {entries['reserved']}），答案其后提交于条目 {entries['committed']}，"
            f"发布于条目 {entries['released']}。以上条目均在日志中，所载人员、授权、数据、损失、密钥、审核与密文一致。"
        ),
        _review_zh(facts["review"]),
    ]


def _review_zh(review: dict[str, Any]) -> str:
    votes = "、".join(str(item["entry"]) for item in review["approvals"])
    if review["outcome"] == "held":
        third = review["approvals"][0]["round"] == "third"
        who = "两名审核人员意见不一，由第三名" if third else f"{len(review['approvals'])} 名"
        return f"该发布曾暂缓待审，{who}审核人员批准了这一答案（{review['id']}）：日志条目 {votes}，日志导出可见表决。"
    later = "，并被抽中供事后审核" if review["outcome"] == "sampled" else ""
    return f"按审核规则 {review['profile']} 自动发布（{review['id']}）{later}。"


def _limits_zh(facts: dict[str, Any]) -> list[str]:
    lines = [
        (
            f"仅凭文件未能证明：请求确由 {facts['person']} 签名，且密钥 {facts['key']} 能打开答案。打开时会核验这两点，"
            "并核验其中的答案即为所提交的答案。"
        ),
        f"未能证明：机器运行的确为应有的程序。保证级别为 {facts['assurance']}，计算引擎的网络为 {facts['network']}。",
    ]
    if facts["clock"].get("on") is not True:
        lines.append("未受保护：发布时钟已关闭，答案用时可能泄露数据信息。")
    return lines
