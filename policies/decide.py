"""The decision: Cedar is asked about the request, or about each own grant that can matter, and its no becomes a refusal.

What is asked depends on the request and the person's own grants, nothing else, so that no refusal can depend on anybody
else's data.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from policies.bearing import NO_GRANT, Bearing, candidates, held_by
from policies.reasons import NO_PERMIT, NO_PERMIT_WORDS, RANK
from policies.refusals import refusal_for
from policies.request import AccessRequest, Permit
from policies.rulebook import RULEBOOK, Rulebook
from policies.verdict import Verdict, roles_allowed, verdicts
from sandbox.terms.people import GrantStanding, Person
from sandbox.terms.refusal import Fault, Refusal

__all__ = ["Explanation", "decide", "explain", "held_by", "speaks_for"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why. `policies` are all that determined the decision, the deciding one first, with their words in two languages;
    `refusal_code` is None where it is allowed."""

    allowed: bool
    policies: tuple[str, ...]
    words_en: tuple[str, ...]
    words_zh: tuple[str, ...]
    refusal_code: str | None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The decision, and the policies that determined it."""

    decision: Permit | Refusal
    policies: tuple[str, ...]


def decide(
    request: AccessRequest, standings: Sequence[GrantStanding], *, rulebook: Rulebook = RULEBOOK
) -> Permit | Refusal:
    """Permit, naming all the grants that allow it, or the refusal (returned: the service raises it), whose fact `policy`
    names the policy that decided; but for NotFound, which is the same for what does not exist.

    `standings` may hold other people's; they never count.

    Raises:
        Fault: the policies gave no clean decision (a policy erred, or the request does not fit the schema). Nothing is
            permitted then, also where Cedar itself would allow.
    """
    return _outcome(request, standings, rulebook).decision


def explain(
    request: AccessRequest, standings: Sequence[GrantStanding], *, rulebook: Rulebook = RULEBOOK
) -> Explanation:
    """Every policy that determined the decision, in words. For a question that no grant allows: those of the grant that
    came nearest. Raises Fault as `decide` does."""
    outcome = _outcome(request, standings, rulebook)
    code = None if isinstance(outcome.decision, Permit) else outcome.decision.code
    words = [_words(rulebook, policy) for policy in outcome.policies]
    english, chinese = tuple(pair[0] for pair in words), tuple(pair[1] for pair in words)
    return Explanation(code is None, outcome.policies, english, chinese, code)


def speaks_for(person: Person, steward: str) -> bool:
    """Whether a description's `steward` means this person: it names their organisation, or themselves. For filtering
    lists; what a steward may do is decided by the policies."""
    return steward in (person.organisation, person.name)


def _outcome(request: AccessRequest, standings: Sequence[GrantStanding], rulebook: Rulebook) -> _Outcome:
    if not request.needs_grant:
        (verdict,) = verdicts(rulebook, request)
        if verdict.allowed:
            return _Outcome(Permit((), verdict.policies), verdict.policies)
        return _refused(request, rulebook, verdict, {}, ())
    own = held_by(request.person, standings)
    groups = candidates(request, own)
    found = dict(zip(groups, verdicts(rulebook, request, tuple(groups)), strict=True))
    grants = sorted(
        (standing.grant for item, verdict in found.items() if verdict.allowed for standing in groups[item]),
        key=lambda grant: grant.id,
    )
    if grants:
        policies = tuple(
            sorted({policy for verdict in found.values() if verdict.allowed for policy in verdict.policies})
        )
        return _Outcome(Permit(tuple(grants), policies), policies)
    if any(verdict.allowed for verdict in found.values()):
        raise Fault  # the policies would let somebody ask who holds no grant
    nearest = max(_rank(verdict) for verdict in found.values())
    closest = {item: groups[item] for item, verdict in found.items() if _rank(verdict) == nearest}
    verdict = found[next(iter(closest))]
    return _refused(request, rulebook, verdict, closest, own)


def _refused(
    request: AccessRequest,
    rulebook: Rulebook,
    verdict: Verdict,
    closest: dict[Bearing, list[GrantStanding]],
    own: Sequence[GrantStanding],
) -> _Outcome:
    roles = roles_allowed(rulebook, request.action)
    policies = tuple(sorted(verdict.policies, key=RANK.__getitem__))
    if request.person.role not in roles or not policies:
        policies = (NO_PERMIT,)
    elif NO_GRANT in closest:
        policies = policies[:1]  # what a grant that is not there lacks beside is no reason
    return _Outcome(refusal_for(policies[0], request, roles, closest, own), policies)


def _rank(verdict: Verdict) -> int:
    return min((RANK[policy] for policy in verdict.policies), default=RANK[NO_PERMIT])


def _words(rulebook: Rulebook, policy: str) -> tuple[str, str]:
    if policy == NO_PERMIT:
        return NO_PERMIT_WORDS
    return rulebook.rules[policy].words, rulebook.rules[policy].words_zh
