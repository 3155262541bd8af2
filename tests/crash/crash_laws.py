"""What a log must say after a kill, held against what callers were told: pure functions over entries, independent of the
books that the product itself keeps.
"""

from collections import Counter
from fractions import Fraction
from typing import Any

from load_story import Heard

from sandbox.proof.merkle import leaf_hash
from sandbox.terms.canonical import canonical_bytes


class Broken(AssertionError):
    """A law of the log does not hold."""


def judge(bodies: list[bytes], entries: list[dict[str, Any]], heard: Heard) -> None:
    """Raises Broken at the first law that does not hold; `bodies` are the entries as written."""
    acknowledged_is_there(bodies, heard)
    orders(entries)
    said_is_done(entries, heard)
    asked_is_reserved(entries, heard)


def acknowledged_is_there(bodies: list[bytes], heard: Heard) -> None:
    """No acknowledged entry is lost or moved."""
    for index, leaf in heard.receipts.items():
        if index >= len(bodies) or leaf_hash(bodies[index]).hex() != leaf:
            raise Broken(f"entry {index} was acknowledged and is not there")


def orders(entries: list[dict[str, Any]]) -> None:
    """Reserved, settled, decided, released: in this order, each once."""
    reserved: dict[str, int] = {}
    settled: Counter[str] = Counter()
    approved: set[str] = set()
    released: Counter[str] = Counter()
    revoked: set[str] = set()
    grant_of: dict[str, str] = {}
    frozen: dict[str, tuple[str, str]] = {}
    subjects: dict[str, set[tuple[str, str]]] = {}
    for entry in entries:
        facts, kind = entry["facts"], entry["kind"]
        query = facts.get("query")
        if kind == "query.reserved":
            if query in reserved:
                raise Broken(f"{query} was debited twice")
            reserved[query] = int(facts["loss"]["units"])
            grant_of[query] = facts["grant"]
            subjects[query] = {(word, facts[word]) for word in ("person", "grant", "dataset")}
            if subjects[query] & set(frozen.values()):
                raise Broken(f"{query} was asked under a freeze")
        elif kind in {"query.committed", "query.forfeited"}:
            if query not in reserved:
                raise Broken(f"{query} has an answer without a debit")
            settled[query] += 1
            if settled[query] > 1:
                raise Broken(f"{query} was settled twice")
            if kind == "query.committed" and facts["review"]["outcome"] != "held":
                approved.add(query)
        elif kind == "review.voted" and facts["decision"] == "approved":
            approved.add(query)
        elif kind == "grant.revoked":
            revoked.add(facts["grant"])
        elif kind == "freeze.set":
            frozen[facts["freeze"]] = (facts["subject"], facts["name"])
        elif kind == "freeze.lifted":
            frozen.pop(facts["freeze"], None)
        elif kind == "release.released":
            released[query] += 1
            if query not in approved or released[query] > 1:
                raise Broken(f"{query} was released without a decision, or twice")
            if grant_of[query] in revoked:
                raise Broken(f"{query} was released after its grant was revoked")
            if subjects[query] & set(frozen.values()):
                raise Broken(f"{query} was released under a freeze")


def said_is_done(entries: list[dict[str, Any]], heard: Heard) -> None:
    """Votes, revocations, freezes and answers that callers know of are in the log."""
    kinds: dict[str, set[Any]] = {}
    for entry in entries:
        facts = entry["facts"]
        kinds.setdefault(entry["kind"], set()).update(
            {facts.get("grant"), facts.get("freeze"), facts.get("query"), (facts.get("review"), entry["actor"])}
            if entry["kind"] != "query.committed"
            else {facts.get("query")}
        )
    told = {
        "review.voted": heard.votes,
        "grant.revoked": heard.revoked,
        "freeze.set": heard.frozen,
        "freeze.lifted": heard.lifted,
        "release.released": set(heard.answers),
    }
    for kind, known in told.items():
        missing = known - kinds.get(kind, set())
        if missing:
            raise Broken(f"{kind} was acknowledged and is not there: {sorted(map(str, missing))[:3]}")


def asked_is_reserved(entries: list[dict[str, Any]], heard: Heard) -> None:
    """What was debited is what somebody knows to have asked, once all calls that broke off were made again."""
    found = {entry["facts"]["query"] for entry in entries if entry["kind"] == "query.reserved"}
    if not heard.unknown and found != set(heard.queries):
        raise Broken(f"debited and asked differ: {sorted(found ^ set(heard.queries))[:3]}")


def spent_is_debited(
    entries: list[dict[str, Any]], accounts: list[dict[str, Any]], person: str, unit: Fraction
) -> None:
    """An analyst's account holds every debit in the log: nothing came back."""
    total = sum(
        int(entry["facts"]["loss"]["units"])
        for entry in entries
        if entry["kind"] == "query.reserved" and entry["facts"]["person"] == person
    )
    spent = [Fraction(account["spent"]) for account in accounts if account["kind"] == "analyst"]
    if spent != [total * unit]:
        raise Broken(f"{person} has spent {spent}, and the log debits {total * unit}")


def only_grew(before: list[bytes], after: list[bytes]) -> None:
    """An earlier export is the beginning of a later one."""
    if after[: len(before)] != before:
        raise Broken("an entry of an earlier export is gone or changed")


def written(entry: dict[str, Any]) -> bytes:
    """An entry's bytes, as the log writes them."""
    return canonical_bytes(entry)
