"""What the offline verifier found, and how it says so in plain words."""

from dataclasses import dataclass, field

from sandbox.terms.dataset import Account
from sandbox.terms.loss import Mode, units_text

_FINDINGS = {
    "log-empty": ("The log holds no entry.", "日志没有任何条目。"),
    "kind-unknown": (
        "Entries of kinds that this verifier does not know: {count}, first entry {first}; it checked their place only.",
        "有 {count} 条（首条为第 {first} 条）属于本验证器不认识的类型，仅验证了其位置。",
    ),
    "time-backwards": (
        "Entries more than a minute earlier than one before them: {count}, first entry {first}.",
        "有 {count} 条（首条为第 {first} 条）的时间比之前的条目早一分钟以上。",
    ),
    "outside-term": (
        "Reservations outside the term of their grant: {count}, first entry {first}.",
        "有 {count} 次预留（首条为第 {first} 条）不在授权期限内。",
    ),
    "unsettled": (
        "Reservations neither committed nor forfeited yet: {count}, first entry {first}; their loss counts as spent.",
        "有 {count} 次预留（首条为第 {first} 条）尚未结算；其隐私损失按已花费计。",
    ),
    "forfeited": (
        "Forfeited queries: {count}, first entry {first}; their loss stays spent.",
        "有 {count} 次查询（首条为第 {first} 条）失败；其隐私损失仍计入。",
    ),
    "opened": (
        "Sealed requests that officers opened, each for a reason: {count}, first entry {first}.",
        "安全员凭理由开启的密封请求：{count} 次，首条为第 {first} 条。",
    ),
    "revoked": (
        "Grants that a steward revoked: {count}, first entry {first}.",
        "数据管理员撤销的授权：{count} 项，首条为第 {first} 条。",
    ),
    "frozen": (
        "Freezes in force at the end: {count}, the oldest set by entry {first}.",
        "日志末尾仍生效的冻结：{count} 项，最早的由第 {first} 条设定。",
    ),
    "voted": (
        "Votes of reviewers, each by somebody of another organisation than the author's: {count}, first entry {first}.",
        "审核人员投票（均来自提问者以外的机构）：{count} 次，首条为第 {first} 条。",
    ),
    "review-approved": (
        "Held answers that reviewers approved: {count}, first entry {first}.",
        "经审核人员批准的暂缓结果：{count} 项，首条为第 {first} 条。",
    ),
    "review-rejected": (
        "Held answers that reviewers refused; they never left: {count}, first entry {first}.",
        "被审核人员拒绝、从未发布的结果：{count} 项，首条为第 {first} 条。",
    ),
    "review-withdrawn": (
        "Held answers that their authors withdrew: {count}, first entry {first}.",
        "由提问者撤回的暂缓结果：{count} 项，首条为第 {first} 条。",
    ),
    "review-lapsed": (
        "Held answers on which nobody decided in time: {count}, first entry {first}.",
        "逾期未决而失效的暂缓结果：{count} 项，首条为第 {first} 条。",
    ),
    "review-open": (
        "Held answers that still wait for reviewers: {count}, first entry {first}.",
        "仍在等待审核的结果：{count} 项，首条为第 {first} 条。",
    ),
    "released-automatic": (
        "Releases that the rules let out without a reviewer: {count}, first entry {first}.",
        "按规则自动发布的结果：{count} 项，首条为第 {first} 条。",
    ),
    "released-sampled": (
        "Releases let out at once and set aside for a later look: {count}, first entry {first}.",
        "先发布、后抽查的结果：{count} 项，首条为第 {first} 条。",
    ),
    "released-held": (
        "Releases that left after reviewers had approved them: {count}, first entry {first}.",
        "经审核批准后发布的结果：{count} 项，首条为第 {first} 条。",
    ),
    "unreleased": (
        "Approved answers that have not left: {count}, first entry {first}; a stop, a freeze or a revocation keeps them.",
        "已批准但尚未发布的结果：{count} 项，首条为第 {first} 条（因停机、冻结或撤销）。",
    ),
    "doubted-afterwards": (
        "Votes against sampled answers after they had left: {count}, first entry {first}.",
        "抽查结果发布后的反对票：{count} 次，首条为第 {first} 条。",
    ),
    "roles-together": (
        "Enrolments that give one human roles which do not go together: {count}, first entry {first}.",
        "使同一人兼任不相容角色的登记：{count} 次，首条为第 {first} 条。",
    ),
    "clock-off": (
        "Starts with the release clock off: {count}, first entry {first}; times were not hidden.",
        "有 {count} 次启动（首条为第 {first} 条）关闭了发布时钟，时间未被隐藏。",
    ),
    "network-shared": (
        "Starts without a private network for the engine: {count}, first entry {first}.",
        "有 {count} 次启动（首条为第 {first} 条）的计算引擎没有使用专用网络。",
    ),
}
_KINDS = {
    "space": ("unit space", "单元空间"),
    "dataset": ("dataset", "数据集"),
    "grant": ("grant", "授权"),
    "analyst": ("analyst", "分析者"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a reader should know that breaks no proof: how often, and at which entry first."""

    code: str
    count: int
    first: int

    def words(self, language: str = "en") -> str:
        """One sentence in "en" or "zh"."""
        english, chinese = _FINDINGS[self.code]
        return (chinese if language == "zh" else english).format(count=self.count, first=self.first)


@dataclass(slots=True)
class Findings:
    """Findings gathered entry by entry."""

    _found: dict[str, Finding] = field(default_factory=dict)

    def note(self, code: str, index: int) -> None:
        """Count one more, at entry `index`."""
        before = self._found.get(code)
        self._found[code] = Finding(code, before.count + 1 if before else 1, before.first if before else index)

    def all(self) -> tuple[Finding, ...]:
        """What was found, in the order first found."""
        return tuple(self._found.values())


@dataclass(frozen=True, slots=True)
class Report:
    """A log that verified: `root` in hex, entries counted by kind, accounts recomputed from the entries alone."""

    origin: str
    key: str
    size: int
    root: str
    kinds: dict[str, int]
    accounts: tuple[Account, ...]
    findings: tuple[Finding, ...]

    def words(self, language: str = "en") -> list[str]:
        """The report in plain words, one line each, in "en" or "zh"."""
        chinese = language == "zh"
        lines = [
            f"日志 {self.origin} 共有 {self.size} 条，全部由密钥 {self.key} 签署的检查点覆盖。"
            if chinese
            else f"The log {self.origin} holds {self.size} entries, all covered by a checkpoint that {self.key} signed.",
            f"根哈希：{self.root}" if chinese else f"Root hash: {self.root}",
            "每个订单只预留一次、至多结算一次，且没有账户超过限额。"
            if chinese
            else "Every order was reserved once and settled at most once, and no account is over its limit.",
            "每次查询都在他人批准、未撤销且未用尽的授权之内；凡发布的结果都先获批准，并封装给提问者自己的密钥。"
            if chinese
            else "Every query kept to a grant that another human had given and nobody had revoked; "
            "every answer that left was approved first, and sealed to its author's own key.",
        ]
        lines += [f"{kind}：{count}" if chinese else f"{kind}: {count}" for kind, count in sorted(self.kinds.items())]
        lines += [_account_words(account, chinese=chinese) for account in self.accounts]
        lines += [finding.words(language) for finding in self.findings]
        return lines


def _account_words(account: Account, *, chinese: bool) -> str:
    symbol = "ρ" if account.limit.mode is Mode.ZCDP else "ε"
    spent, limit = units_text(account.spent.units), units_text(account.limit.units)
    english_kind, chinese_kind = _KINDS[account.kind]
    place = "" if account.kind == "space" else f" · {account.space}"
    if chinese:
        return f"{chinese_kind} {account.owner}{place}：已花费 {symbol} {spent}，限额 {limit}"
    return f"{english_kind} {account.owner}{place}: spent {symbol} {spent} of {limit}"
