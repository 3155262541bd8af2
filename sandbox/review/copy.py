"""What a reviewer sees: the ask in one sentence, the plan in words, the cost, the noisy table, the rules, the votes.

Everything in it is public, declared, or noisy: never the query's text, never a row. Votes are filtered here, for the
human who looks, so a copy cannot show a blind vote by oversight.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.plan.explain import explain
from sandbox.plan.query import Plan
from sandbox.review.answer_rules import Intervals
from sandbox.review.profile import Profile
from sandbox.review.rules import checks, groups_asked, rule_words, value_columns
from sandbox.review.votes import Tally, seen_by
from sandbox.terms.answer import Answer, AnswerColumn, ComputedColumn, CountColumn, KeyColumn, MeanColumn, SumColumn
from sandbox.terms.dataset import Grade
from sandbox.terms.people import GrantStanding

LANGUAGES = ("en", "zh")
LEVEL = 0.95
"""How often an interval covers the value without noise."""

_OPEN = ("; noisy selection decides which groups show", "；由加噪筛选决定显示哪些组")
_GRADES_ZH = {Grade.GENERAL: "一般", Grade.IMPORTANT: "重要", Grade.CORE: "核心"}


@dataclass(frozen=True, slots=True)
class ReviewCopy:
    """One review as one reviewer sees it.

    `data_version` is that of the first dataset. `cost` is the quote's cost; `reasons` and `outcome` are the ruling's, made
    under `profile`; `intervals` are those of the value columns that have any, at LEVEL; `viewer` is the human who looks,
    `author` the person who asked.
    """

    id: str
    plan: Plan
    grade: Grade
    data_version: int
    purpose: str
    need: str
    author: str
    organisation: str
    grants: tuple[GrantStanding, ...]
    cost: Mapping[str, Any]
    profile: Profile
    reasons: tuple[str, ...]
    outcome: str
    votes_needed: int
    answer: Answer
    intervals: Intervals
    tally: Tally
    viewer: str
    digest: str
    opened_at: datetime

    def sentence(self, language: str = "en") -> str:
        """The ask in one sentence, in "zh" or (any other language) English."""
        rows, columns = self.answer.rows, value_columns(self.plan)
        named = [(standing.grant.id, _day(standing.grant.not_after)) for standing in self.grants]
        open_ = groups_asked(self.plan) is None
        if language == "zh":
            return (
                f"{self.organisation} 的 {self.author} 申请从 {_names(self.plan, '、')} 第 {self.data_version} 版"
                f"（{_GRADES_ZH.get(self.grade, self.grade)}）{_beside(self.plan, '及公开数据集 ', '、')}带出 1 张表，共 {rows * columns} 个单元格"
                f"（{rows} 组 × {columns} 列{_OPEN[1] if open_ else ''}），目的为 {self.purpose}，依据授权 "
                f"{'和 '.join(f'{grant}（{ends} 到期）' for grant, ends in named)}。"
            )
        return (
            f"{self.author} of {self.organisation} asks to take out 1 table of {_many(rows * columns, 'cell')} "
            f"({_many(rows, 'group')} × {_many(columns, 'column')}{_OPEN[0] if open_ else ''}) on "
            f"{_names(self.plan, ' and ')} version "
            f"{self.data_version} ({self.grade}){_beside(self.plan, ' beside public ', ' and ')} for the purpose {self.purpose}, under grant "
            f"{' and grant '.join(f'{grant}, which ends {ends}' for grant, ends in named)}."
        )

    def to_json(self) -> dict[str, Any]:
        """The shape of the API. Noisy integers stay integers."""
        first, *further = map(_grant, self.grants)
        return {
            "id": self.id,
            "sentence": {language: self.sentence(language) for language in LANGUAGES},
            "dataset": ", ".join(self.plan.datasets),
            "grade": self.grade.value,
            "data_version": self.data_version,
            "purpose": self.purpose,
            "need": self.need,
            "author": self.author,
            "organisation": self.organisation,
            "grant": first,
            "also_under": further,
            "plan": {language: explain(self.plan, language) for language in LANGUAGES},
            "cost": dict(self.cost),
            "bounds": _bounds(self.plan),
            "checks": [
                {
                    "id": check.rule,
                    "words": {language: rule_words(check.rule, language) for language in LANGUAGES},
                    "outcome": check.outcome,
                }
                for check in checks(self.reasons, self.profile)
            ],
            "table": self._table(),
            "state": self.tally.state.value,
            "round": self.tally.round.value if self.tally.round else None,
            "outcome": self.outcome,
            "votes_needed": self.votes_needed,
            "votes": [
                {"reviewer": vote.reviewer, "verdict": vote.verdict, "reason": vote.reason, "round": vote.round}
                for vote in seen_by(self.tally, self.viewer)
            ],
            "digest": self.digest,
            "opened_at": _time(self.opened_at),
        }

    def _table(self) -> dict[str, Any]:
        columns = self.answer.columns
        return {
            "columns": [_column(column) for column in columns],
            "rows": [list(row) for row in zip(*(column.numbers() for column in columns), strict=True)],
            "intervals": {
                column.name: [[low, high] for low, high in self.intervals[column.name]]
                for column in columns
                if column.name in self.intervals and not isinstance(column, KeyColumn)
            },
            "level": LEVEL,
        }


def _grant(standing: GrantStanding) -> dict[str, Any]:
    """A grant that the query was asked under, and how often it was used."""
    grant = standing.grant
    return {
        "id": grant.id,
        "purpose": grant.purpose,
        "uses": grant.uses,
        "used": standing.used,
        "not_after": _time(grant.not_after),
        "review": grant.review.value,
    }


def _names(plan: Plan, between: str) -> str:
    return between.join(plan.datasets)


def _beside(plan: Plan, word: str, between: str) -> str:
    """The public datasets that the question reads too, after a word; nothing where it reads none."""
    return word + between.join(plan.public_datasets) if plan.public_datasets else ""


def _bounds(plan: Plan) -> dict[str, int]:
    """The widest of each bound: what one unit can bring into any one of the plan's measurements."""
    bounds = [measurement.bounds for measurement in plan.measurements]
    return {
        "rows": max(each.rows for each in bounds),
        "groups": max(each.groups for each in bounds),
        "rows_per_group": max(each.rows_per_group for each in bounds),
    }


def _column(column: AnswerColumn) -> dict[str, str]:
    found = {"name": column.name, "kind": _kind(column)}
    return found | {"meaning": column.meaning} if isinstance(column, ComputedColumn) else found


def _kind(column: AnswerColumn) -> str:
    match column:
        case KeyColumn():
            return "key"
        case CountColumn():
            return "count"
        case SumColumn():
            return "sum"
        case MeanColumn():
            return "mean"
        case ComputedColumn():
            return "computed"


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _day(moment: datetime) -> str:
    """A day, or a minute where the moment is not a midnight; in UTC."""
    moment = moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%d" if (moment.hour, moment.minute) == (0, 0) else "%Y-%m-%d %H:%M UTC")


def _time(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds, spelt as in signed documents."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
