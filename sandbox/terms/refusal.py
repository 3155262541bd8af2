"""Every way to say no: one class a code, each with HTTP status, CLI exit code, title and advice in two languages.

A `Refusal` is an answer, not a fault: it depends on the request and on public metadata alone, is raised before any data
is touched, and says what was wrong, where, what to do, and that nothing was spent or stored. A `Fault` is ours: constant
text outside, detail in the operator's log only.

    SandboxError
    ├── Refusal
    │   ├── NotWellFormed    the request itself          (400, exit 2)
    │   ├── NotSignedIn      who is asking               (401, exit 4)
    │   ├── NotPermitted     who may                     (403/404, exit 3)
    │   ├── NotAnswerable    what can be asked           (422, exit 7)
    │   ├── NotAffordable    what it may cost            (409, exit 5)
    │   ├── NotLoadable      descriptions and files      (422, exit 2)
    │   └── NotNow           state and time              (409/503, exit 6)
    ├── Withheld             a decision after the data was measured; the loss stays spent (403, exit 3)
    ├── ProofFailed          a log or certificate that does not verify (exit 8)
    └── Fault                the enclave's own failure   (500/503, exit 1)
"""

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a text the caller sent: 1-based line and column, and the length in characters."""

    line: int
    column: int
    length: int = 1


class SandboxError(Exception):
    """Anything the sandbox says no with."""

    code: ClassVar[str] = "sandbox-error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    title: ClassVar[str] = "The sandbox could not do this."
    title_zh: ClassVar[str] = "沙箱无法完成此操作。"
    advice: ClassVar[str] = "Ask the operator of the enclave, giving the request id."
    advice_zh: ClassVar[str] = "请将请求编号提供给运营人员。"

    def __init__(
        self,
        detail: str = "",
        *,
        span: Span | None = None,
        rewrite: str | None = None,
        **facts: str | int | bool | list[str] | None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.span = span
        self.rewrite = rewrite
        self.facts = facts

    def problem(self) -> dict[str, Any]:
        """The RFC 9457 document of this refusal."""
        body: dict[str, Any] = {
            "type": f"/docs/problems/{self.code}",
            "title": self.title,
            "title_zh": self.title_zh,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "advice": self.advice,
            "advice_zh": self.advice_zh,
            "spent": "0",
        }
        if self.span is not None:
            body["span"] = {"line": self.span.line, "column": self.span.column, "length": self.span.length}
        if self.rewrite is not None:
            body["rewrite"] = self.rewrite
        body.update({name: value for name, value in self.facts.items() if value is not None})
        return body


class Refusal(SandboxError):
    """No, for a reason that has nothing to do with the rows."""


class NotWellFormed(Refusal):
    status, exit_code = 400, 2


class NotSignedIn(Refusal):
    status, exit_code = 401, 4


class NotPermitted(Refusal):
    status, exit_code = 403, 3


class NotAnswerable(Refusal):
    status, exit_code = 422, 7


class NotAffordable(Refusal):
    status, exit_code = 409, 5


class NotLoadable(Refusal):
    status, exit_code = 422, 2


class NotNow(Refusal):
    status, exit_code = 503, 6


class Withheld(SandboxError):
    """A noisy answer that does not leave. It was measured, so the fact `spent` says what it cost."""

    status, exit_code = 403, 3


# -- the request itself ------------------------------------------------------------------------------------------------


class MalformedRequest(NotWellFormed):
    code = "malformed-request"
    title = "Something is not of the form it must have."
    title_zh = "请求格式不符合要求。"
    advice = "Correct what the reason names; the reference lists what is allowed."
    advice_zh = "请按原因所述修改；参考文档列出了允许的内容。"


class MalformedNumber(NotWellFormed):
    code = "malformed-number"
    title = "A number is not written as an exact decimal."
    title_zh = "数字未写成精确的十进制字符串。"
    advice = 'Give a decimal in a string, such as "0.5".'
    advice_zh = '请使用十进制字符串，例如 "0.5"。'


class IdempotencyKeyRequired(NotWellFormed):
    code = "idempotency-key-required"
    title = "A call that can spend needs an Idempotency-Key header."
    title_zh = "可能消耗预算的调用必须带有 Idempotency-Key。"
    advice = "Send a fresh random key with each new request and the same key with a retry."
    advice_zh = "每个新请求使用新的随机键，重试时使用相同的键。"


class IdempotencyKeyReused(NotWellFormed):
    code = "idempotency-key-reused"
    status = 409
    title = "This Idempotency-Key was used with another request."
    title_zh = "此 Idempotency-Key 已用于另一个请求。"
    advice = "Use a new key for a new request."
    advice_zh = "新请求请使用新的键。"


class NeedMissing(NotWellFormed):
    code = "need-missing"
    title = "This data asks for the need behind every query."
    title_zh = "查询此数据须说明使用需要。"
    advice = "Say in a sentence or two what the answer is needed for (--need)."
    advice_zh = "请用一两句话说明需要该结果的原因（--need）。"


class RequestTooLarge(NotWellFormed):
    code = "request-too-large"
    status = 413
    title = "The request is larger than the enclave takes."
    title_zh = "请求超过大小限制。"
    advice = "Shorten the query text or the description."
    advice_zh = "请缩短查询文本或描述文件。"


class HomeNotUsable(NotWellFormed):
    code = "home-not-usable"
    title = "This folder cannot be used as the home of an enclave."
    title_zh = "此目录不能用作飞地的主目录。"
    advice = "`sandbox init` makes a home in a new folder; one `sandbox serve` at a time opens it."
    advice_zh = "`sandbox init` 在新目录中创建主目录；同一时间只能有一个 `sandbox serve` 使用它。"


# -- who is asking -----------------------------------------------------------------------------------------------------


class SignInRequired(NotSignedIn):
    code = "sign-in-required"
    title = "No valid token came with the request."
    title_zh = "请求未携带有效令牌。"
    advice = "Sign in, or ask the administrator for a new token."
    advice_zh = "请登录，或向管理员申请新令牌。"


class SignatureInvalid(NotSignedIn):
    code = "signature-invalid"
    title = "The submission is not signed by a registered key of yours."
    title_zh = "提交内容未由您登记的密钥签名。"
    advice = "Submit with the client on the machine that holds your keys, or register new keys."
    advice_zh = "请在保存密钥的机器上用客户端提交，或登记新的密钥。"


class PassphraseWrong(NotWellFormed):
    code = "passphrase-wrong"
    exit_code = 4
    title = "The passphrase does not open this enclave."
    title_zh = "口令无法打开此飞地。"
    advice = "Check the passphrase. If it is right, the key file was changed: tell the security officer."
    advice_zh = "请检查口令。若口令无误，则密钥文件已被改动，请告知安全员。"


class RootNotOpened(NotWellFormed):
    code = "root-not-opened"
    exit_code = 4
    title = "The enclave's root key was not opened."
    title_zh = "飞地的根密钥未能打开。"
    advice = "Bring the shares or the token of a lock that this enclave has: `sandbox root list` names them."
    advice_zh = "请提供此飞地所设锁的份额或硬件令牌：`sandbox root list` 可列出各锁。"


class TokenNotUsable(NotWellFormed):
    code = "token-not-usable"
    exit_code = 4
    title = "The hardware token cannot be used."
    title_zh = "无法使用硬件令牌。"
    advice = "Check the path of the PKCS#11 library, the token's label and the PIN."
    advice_zh = "请检查 PKCS#11 库的路径、令牌标签和 PIN。"


# -- who may -----------------------------------------------------------------------------------------------------------


class RoleNotPermitted(NotPermitted):
    code = "role-not-permitted"
    title = "Your role does not include this action."
    title_zh = "您的角色无权执行此操作。"
    advice = "Ask a person whose role includes it."
    advice_zh = "请联系有权执行此操作的人员。"


class NotFound(NotPermitted):
    code = "not-found"
    status = 404
    title = "There is no such thing, or it is not for you."
    title_zh = "对象不存在，或与您无关。"
    advice = "Check the name or id. Analysts see what a grant of theirs names, and may request one."
    advice_zh = "请检查名称或编号。分析人员只能查看授权范围内的对象，可申请授权。"


class PurposeNotGranted(NotPermitted):
    code = "purpose-not-granted"
    title = "No grant of yours covers this data for this purpose."
    title_zh = "您没有以此目的使用该数据的授权。"
    advice = "Name the purpose of a grant you hold, or request a grant for this one."
    advice_zh = "请填写已授权的使用目的，或申请新的授权。"


class GrantNotInForce(NotPermitted):
    code = "grant-not-in-force"
    title = "Your grant is not in force now."
    title_zh = "您的授权当前未生效。"
    advice = "Check the term of the grant, or request a new one."
    advice_zh = "请检查授权期限，或申请新的授权。"


class GrantRevoked(NotPermitted):
    code = "grant-revoked"
    title = "Your grant was revoked."
    title_zh = "您的授权已被撤销。"
    advice = "Ask the steward why, or request a new grant."
    advice_zh = "请向数据管理员了解原因，或申请新的授权。"


class GrantTooNarrow(NotPermitted):
    code = "grant-too-narrow"
    title = "Your grants do not cover everything this query uses."
    title_zh = "您的授权不能覆盖此查询用到的全部内容。"
    advice = "Ask of each dataset for what one grant covers, or request a wider grant."
    advice_zh = "请只查询每个数据集单项授权范围内的内容，或申请更大的授权范围。"


class KeysRequired(NotPermitted):
    code = "keys-required"
    title = "You have not registered keys yet: answers are sealed to them."
    title_zh = "您尚未登记密钥；答案将用该密钥加密。"
    advice = "Run `sandbox login` again on your machine, or `sandbox key register`."
    advice_zh = "请在您的机器上重新运行 `sandbox login`，或运行 `sandbox key register`。"


class RoleConflict(NotPermitted):
    code = "role-conflict"
    status = 409
    title = "One person may not hold these roles together."
    title_zh = "同一人不得同时担任这些角色。"
    advice = "Enrol another person for this role."
    advice_zh = "请由其他人员担任此角色。"


class OwnRequest(NotPermitted):
    code = "own-request"
    title = "Nobody decides on what they asked for themselves."
    title_zh = "任何人不得审批自己提出的事项。"
    advice = "Leave the decision to somebody else."
    advice_zh = "请由其他人员作出决定。"


class Frozen(NotPermitted):
    code = "frozen"
    title = "A security officer has frozen this."
    title_zh = "安全员已冻结此对象。"
    advice = "Ask the security officer; two of them can lift the freeze."
    advice_zh = "请联系安全员；须由两名安全员共同解除冻结。"


class CoreGrade(NotPermitted):
    code = "core-grade"
    title = "Data of the core grade never leaves."
    title_zh = "核心数据不得出域。"
    advice = "Use data of another grade."
    advice_zh = "请使用其他级别的数据。"


# -- what can be asked -------------------------------------------------------------------------------------------------


class SqlNotParsed(NotAnswerable):
    code = "sql-not-parsed"
    title = "The text is not one SQL query."
    title_zh = "文本不是一条有效的 SQL 查询。"
    advice = "Correct the text at the named place."
    advice_zh = "请修改所指位置的文本。"


class SqlTooLarge(NotAnswerable):
    code = "sql-too-large"
    title = "The query is longer or deeper than the enclave reads."
    title_zh = "查询过长或嵌套过深。"
    advice = "Shorten the query."
    advice_zh = "请精简查询。"


class UnknownTable(NotAnswerable):
    code = "unknown-table"
    title = "The query names a table that is not there, or that you hold no grant for."
    title_zh = "查询中的表不存在，或您没有相应授权。"
    advice = "Write dataset.table; `sandbox dataset list` shows what you may use."
    advice_zh = "请写成 数据集.表；可用 `sandbox dataset list` 查看可用数据。"


class UnknownColumn(NotAnswerable):
    code = "unknown-column"
    title = "The table has no such column."
    title_zh = "表中没有此列。"
    advice = "`sandbox dataset view` lists the columns."
    advice_zh = "可用 `sandbox dataset view` 查看列。"


class UnknownFunction(NotAnswerable):
    code = "unknown-function"
    title = "There is no such function here."
    title_zh = "不支持此函数。"
    advice = "Use the functions of the SQL reference."
    advice_zh = "请使用 SQL 参考中的函数。"


class ColumnWithheld(NotAnswerable):
    code = "column-withheld"
    title = "The steward has withheld this column from every query."
    title_zh = "数据管理员不允许在查询中使用此列。"
    advice = "Leave the column out."
    advice_zh = "请去掉此列。"


class UnitColumnUse(NotAnswerable):
    code = "unit-column-use"
    title = "The unit's identifier can only be counted."
    title_zh = "隐私单元标识只能计数。"
    advice = "Write count(distinct <unit column>), or leave the column out."
    advice_zh = "请写成 count(distinct <单元列>)，或去掉此列。"


class RowsNotReleased(NotAnswerable):
    code = "rows-not-released"
    title = "Rows and their values never leave; only private aggregates do."
    title_zh = "原始行不出域，只能输出带噪声的统计结果。"
    advice = "Ask for aggregates, with group keys that are declared public."
    advice_zh = "请使用聚合函数，并按公开的分组键分组。"


class KeysNotPublic(NotAnswerable):
    code = "keys-not-public"
    title = "The query groups by values that the description does not declare."
    title_zh = "分组列没有声明公开的取值。"
    advice = "Group by a column with declared keys."
    advice_zh = "请按声明了取值的列分组。"


class TooManyGroups(NotAnswerable):
    code = "too-many-groups"
    title = "The declared keys make more groups than one query may have."
    title_zh = "分组数超过上限。"
    advice = "Group by fewer or coarser keys."
    advice_zh = "请减少分组键或使用更粗的分组。"


class TypeMismatch(NotAnswerable):
    code = "type-mismatch"
    title = "An operator or function does not take values of this type."
    title_zh = "运算或函数不接受此类型的值。"
    advice = "Compare and compute with values of matching types."
    advice_zh = "请使用类型一致的值。"


class BoundsMissing(NotAnswerable):
    code = "bounds-missing"
    title = "A value is summed whose range the description does not bound."
    title_zh = "被求和的值没有声明取值范围。"
    advice = "Use columns with declared bounds."
    advice_zh = "请使用声明了取值范围的列。"


class RangeTooWide(NotAnswerable):
    code = "range-too-wide"
    title = "The sum could overflow exact arithmetic at the declared sizes."
    title_zh = "按声明的规模，求和可能超出精确整数范围。"
    advice = "Use a narrower expression, or ask the steward for a coarser granularity."
    advice_zh = "请使用范围更小的表达式，或请数据管理员设置更粗的精度。"


class MemoryBound(NotAnswerable):
    code = "memory-bound"
    title = "At the declared sizes this query could need more memory than a worker has."
    title_zh = "按声明的规模，此查询所需内存可能超过工作进程的内存上限。"
    advice = "Use fewer text columns and fewer groups, or ask the steward for a smaller rows_max, max_length or distinct_max."
    advice_zh = "请减少文本列和分组，或请数据管理员减小 rows_max、max_length 或 distinct_max。"


class PlanNotSupported(NotAnswerable):
    code = "plan-not-supported"
    title = "This part of SQL cannot be answered here."
    title_zh = "不支持此 SQL 语法。"
    advice = "Use the suggested rewrite, or see the SQL reference."
    advice_zh = "请使用建议的写法，或查看 SQL 参考。"


class DatasetNotLoaded(NotAnswerable):
    code = "dataset-not-loaded"
    status = 409
    title = "The dataset is registered but holds no data yet."
    title_zh = "数据集已登记，但尚未载入数据。"
    advice = "Ask the steward to load it."
    advice_zh = "请联系数据管理员载入数据。"


# -- what it may cost --------------------------------------------------------------------------------------------------


class BudgetInsufficient(NotAffordable):
    code = "budget-insufficient"
    title = "The privacy budget does not cover this query."
    title_zh = "隐私预算不足。"
    advice = "Ask with a smaller epsilon, or ask the steward for more."
    advice_zh = "请降低 epsilon，或向数据管理员申请更多预算。"


class LossTooSmall(NotAffordable):
    code = "loss-too-small"
    status = 422
    title = "The asked-for loss is below the least one query may cost."
    title_zh = "请求的隐私损失低于单次查询的最低值。"
    advice = "Ask with a larger epsilon."
    advice_zh = "请提高 epsilon。"


class LossTooLarge(NotAffordable):
    code = "loss-too-large"
    status = 422
    title = "The asked-for loss is beyond what the ledger counts."
    title_zh = "请求的隐私损失超出账本的计数范围。"
    advice = "Ask with a smaller epsilon."
    advice_zh = "请降低 epsilon。"


class GrantUsedUp(NotAffordable):
    code = "grant-used-up"
    title = "The grant's number of uses is used up."
    title_zh = "授权的使用次数已用完。"
    advice = "Request a new grant."
    advice_zh = "请申请新的授权。"


# -- descriptions and files --------------------------------------------------------------------------------------------


class DescriptionInvalid(NotLoadable):
    code = "description-invalid"
    title = "The dataset description is not valid."
    title_zh = "数据集描述文件无效。"
    advice = "Correct the named line; the description reference lists what is allowed."
    advice_zh = "请修改所指的行；描述文件参考列出了允许的内容。"


class DatasetExists(NotLoadable):
    code = "dataset-exists"
    status = 409
    title = "A dataset of this name is registered already."
    title_zh = "同名数据集已登记。"
    advice = "Choose another name."
    advice_zh = "请使用其他名称。"


class UnitSpaceConflict(NotLoadable):
    code = "unit-space-conflict"
    status = 409
    title = "The description and the registered unit space disagree."
    title_zh = "描述与已登记的单元空间不一致。"
    advice = "Leave the unit space out to use the registered one, or define it where it is new."
    advice_zh = "使用已有单元空间时请勿重复定义；新空间则必须定义。"


class FileNotUsable(NotLoadable):
    code = "file-not-usable"
    title = "The file cannot be loaded as described."
    title_zh = "文件与描述不符，无法载入。"
    advice = "Correct the file or the description; nothing of it was loaded."
    advice_zh = "请修改文件或描述；未载入任何内容。"


# -- state and time ----------------------------------------------------------------------------------------------------


class NameTaken(NotNow):
    code = "name-taken"
    status = 409
    title = "The name is taken."
    title_zh = "名称已被使用。"
    advice = "Choose another name."
    advice_zh = "请使用其他名称。"


class AnswerPending(NotNow):
    code = "answer-pending"
    status = 409
    title = "The answer is not out yet."
    title_zh = "答案尚未发布。"
    advice = "Ask again after the named time."
    advice_zh = "请稍后再试。"


class ReviewPending(NotNow):
    code = "review-pending"
    status = 409
    title = "The answer waits for review."
    title_zh = "答案正在等待审核。"
    advice = "Ask again later; it is in the reviewers' list."
    advice_zh = "请稍后再试；该结果已在审核人员的待办列表中。"


class ReviewChanged(NotNow):
    code = "review-changed"
    status = 409
    title = "The review is not what you saw: somebody voted, or what it is about has changed."
    title_zh = "审核内容已变化：有人已投票，或审核对象已改变。"
    advice = "Look at the review again, then vote."
    advice_zh = "请重新查看后再投票。"


class AlreadyDecided(NotNow):
    code = "already-decided"
    status = 409
    title = "Nothing is left for you to decide here."
    title_zh = "此处已无须您决定的事项。"
    advice = "You need not do anything."
    advice_zh = "您无需再作处理。"


class EnclaveBusy(NotNow):
    code = "enclave-busy"
    title = "The enclave is busy."
    title_zh = "飞地正忙。"
    advice = "Try again in a moment."
    advice_zh = "请稍后重试。"


class EnclaveNotReady(NotNow):
    code = "enclave-not-ready"
    title = "The engine is not running."
    title_zh = "计算引擎未运行。"
    advice = "Try again in a moment."
    advice_zh = "请稍后重试。"


class EnclaveSealed(NotNow):
    code = "enclave-sealed"
    title = "The enclave is sealed: its books and its log do not agree, or a check at start failed."
    title_zh = "飞地已封闭：账目与日志不一致，或启动检查失败。"
    advice = "A security officer must decide."
    advice_zh = "须由安全员处理。"


class AuditUnavailable(NotNow):
    code = "audit-unavailable"
    title = "The ledger cannot be written, so nothing runs."
    title_zh = "账本无法写入，因此不执行任何操作。"
    advice = "Try again later; the operator must look at the ledger's storage."
    advice_zh = "请稍后重试；运营人员须检查账本存储。"


# -- measured, and not let out -----------------------------------------------------------------------------------------


class ReleaseRefused(Withheld):
    code = "release-refused"
    title = "Review has refused this release; its loss stays spent."
    title_zh = "审核未通过，结果不予发布；其隐私损失已计入。"
    advice = "Ask a question that meets the reviewers' reason; the same one has the same, refused, answer."
    advice_zh = "请按审核理由调整问题；相同的问题仍对应此未通过的答案。"


class ReleaseWithdrawn(Withheld):
    code = "release-withdrawn"
    title = "You withdrew this release; its loss stays spent."
    title_zh = "您已撤回此发布申请；其隐私损失已计入。"
    advice = "The same question gives the same, withdrawn, answer."
    advice_zh = "相同的问题仍对应此已撤回的答案。"


class ReleaseLapsed(Withheld):
    code = "release-lapsed"
    title = "The grant was revoked before the release; its loss stays spent."
    title_zh = "授权在发布之前已被撤销；其隐私损失已计入。"
    advice = "Request a new grant."
    advice_zh = "请申请新的授权。"


# -- proofs and faults -------------------------------------------------------------------------------------------------


class ProofFailed(SandboxError):
    code = "proof-failed"
    status = 422
    exit_code = 8
    title = "The proof does not hold."
    title_zh = "证明不成立。"
    advice = "Do not trust this copy; tell the security officer."
    advice_zh = "请勿信任此副本，并告知安全员。"


class Fault(SandboxError):
    code = "fault"
    title = "The enclave failed; what was reserved stays spent."
    title_zh = "飞地故障；已预留的损失视为已花费。"


class MeasurementForfeited(Fault):
    code = "measurement-forfeited"
    status = 503
    title = "The measurement could not be finished; its loss stays spent."
    title_zh = "测量未能完成；其隐私损失已计入。"
    advice = "Run it again at its full cost, or tell the operator."
    advice_zh = "可重新查询（再次计费），或联系运营人员。"


def catalogue() -> tuple[type[SandboxError], ...]:
    """Every concrete class above, by code: the closed set."""
    found: dict[str, type[SandboxError]] = {}

    def walk(parent: type[SandboxError]) -> None:
        for child in parent.__subclasses__():
            if "code" in vars(child):
                found[child.code] = child
            walk(child)

    walk(SandboxError)
    return tuple(found[code] for code in sorted(found))


def from_problem(problem: dict[str, Any]) -> SandboxError:
    """The exception that an RFC 9457 document stands for; a `Fault` where its code is unknown."""
    by_code = {kind.code: kind for kind in catalogue()}
    kind = by_code.get(str(problem.get("code")), Fault)
    known = {"type", "title", "title_zh", "status", "code", "detail", "advice", "advice_zh", "span", "rewrite"}
    place = problem.get("span")
    span = Span(int(place["line"]), int(place["column"]), int(place["length"])) if isinstance(place, dict) else None
    rewrite = problem.get("rewrite")
    facts = {name: value for name, value in problem.items() if name not in known}
    return kind(
        str(problem.get("detail", "")), span=span, rewrite=str(rewrite) if rewrite is not None else None, **facts
    )
