"""A quote: what a query would cost, how exact it would be, and who would have to look at the answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from sandbox.terms.refusal import Fault, MalformedRequest


@dataclass(frozen=True, slots=True)
class Quote:
    """What a query would cost and how exact it would be. Nothing was spent and no data was touched.

    `cost` has space, mode, amount, epsilon, delta; each of `accounts` has kind, owner, left and more_like_this; each of
    `errors` has column, half_width (95 %), or by_group_size for means, and noisy: a noisy column with neither has no interval
    that is known. `groups` is None where private keys decide how many groups show. `policy` has permitted_by (ids of the policies) and
    bundle; `review` has outcome ("automatic" or "held", as far as the plan alone decides), votes and reasons.
    """

    verdict: str
    dataset: str
    table: str
    version: int
    grant: str
    groups: int | None
    bounds: dict[str, int]
    mechanism: str
    cost: dict[str, Any]
    accounts: list[dict[str, Any]]
    errors: list[dict[str, Any]]
    wait_ms: int
    policy: dict[str, Any]
    review: dict[str, Any]
    document: dict[str, Any] = field(repr=False)
    draw: Callable[[str], str] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_json(cls, document: dict[str, Any], draw: Callable[[str], str] | None = None) -> "Quote":
        """Read the answer of a dry run. `draw` fetches the picture in a language.

        Raises:
            Fault: it is not one.
        """
        try:
            return cls(
                str(document["verdict"]),
                str(document["dataset"]),
                str(document["table"]),
                int(document["version"]),
                str(document["grant"]),
                None if document["groups"] is None else int(document["groups"]),
                dict(document["bounds"]),
                str(document["mechanism"]),
                dict(document["cost"]),
                [dict(item) for item in document["accounts"]],
                [dict(item) for item in document["errors"]],
                int(document["wait_ms"]),
                dict(document["policy"]),
                dict(document["review"]),
                document,
                draw,
            )
        except (KeyError, TypeError, ValueError):
            raise Fault("The enclave's answer is not a quote that this client understands.") from None

    @property
    def datasets(self) -> list[str]:
        """All datasets that the question reads, public ones too, `dataset` first."""
        return [str(name) for name in self.document.get("datasets") or [self.dataset]]

    @property
    def grants(self) -> list[str]:
        """All grants that the question would be asked under, `grant` first: each of them pays for it."""
        return [str(name) for name in self.document.get("grants") or [self.grant]]

    def plan(self, language: str = "en") -> list[str]:
        """The plan in words, "en" or "zh"."""
        words: dict[str, list[str]] = self.document["plan"]
        return list(words.get(language) or words["en"])

    def explain(self, language: str = "en") -> str:
        """The plan in words, "en" or "zh", a numbered line a step."""
        return "\n".join(f"{number}. {line}" for number, line in enumerate(self.plan(language), 1))

    def picture(self, language: str = "en") -> str:
        """The plan as a picture (SVG), "en" or "zh". It is asked for: the enclave checks the question once more.

        Raises:
            Refusal: the question would not be answered any more.
            MalformedRequest: this quote was not got from an enclave.
        """
        if self.draw is None:
            raise MalformedRequest("Only a quote that came from an enclave can be drawn.")
        return self.draw(language)

    def save_picture(self, file: str | Path, language: str = "en") -> Path:
        """Write the picture to a file; its path."""
        path = Path(file)
        path.write_text(self.picture(language), "utf-8")
        return path

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return f"<pre>{escape(str(self))}</pre>"

    @property
    def more_like_this(self) -> int:
        """How many queries of this cost the tightest account still covers, this one included."""
        return min((int(account["more_like_this"]) for account in self.accounts), default=0)

    def __str__(self) -> str:
        lines = [f"{self.verdict}: {' '.join(self.plan())}"]
        lines.append(
            f"cost: epsilon {self.cost['epsilon']} ({self.cost['mode']} {self.cost['amount']}); "
            f"{self.more_like_this} of this cost fit into what is left"
        )
        lines += [f"error: {error_words(error)}" for error in self.errors if error_words(error)]
        lines += [f"review: {words}" for words in review_words(self.review)]
        return "\n".join([*lines, "nothing was spent"])


def review_words(review: dict[str, Any], language: str = "en") -> list[str]:
    """How the answer would get out, as far as the plan decides it: one line, and one for each rule that holds it."""
    chinese = language == "zh"
    votes = int(review.get("votes") or 0)
    if review.get("outcome") != "held":
        return [
            "按规则自动发布，除非噪声结果另有触发"
            if chinese
            else "by the rules alone, unless they hold the noisy answer"
        ]
    people = "one reviewer" if votes == 1 else f"{votes} reviewers, each without seeing the other's vote"
    lines = [f"须经 {votes} 名审核人员独立审核" if chinese else f"held for {people}"]
    reasons = [reason.get("words", {}) for reason in review.get("reasons", []) if isinstance(reason, dict)]
    return lines + [str(words.get(language) or words.get("en")) for words in reasons if words]


def error_words(error: dict[str, Any], language: str = "en") -> str:
    """One expected error in words, "en" or "zh"; empty for a key column, which has none. Of many noisy columns (quantiles,
    spreads, ratios) no interval is known, and that is said."""
    chinese = language == "zh"
    level = f"{float(error.get('level', 0.95)) * 100:g} %"
    ending = f"（{level} 区间）" if chinese else f" at {level}"
    if error.get("half_width") is not None:
        return f"{error['column']} ± {float(error['half_width']):.6g}{ending}"
    sizes = error.get("by_group_size")
    if not isinstance(sizes, dict):
        if not error.get("noisy"):
            return ""
        return f"{error['column']}：含噪声，无已知区间" if chinese else f"{error['column']}: noisy, no interval known"
    parts = [
        f"每组 {size} 行时 ± {float(width):.4g}" if chinese else f"± {float(width):.4g} in groups of {size}"
        for size, width in sizes.items()
        if width is not None
    ]
    return f"{error['column']} {('，' if chinese else ', ').join(parts)}{ending}"
