"""Laws of review over generated releases: every duty, rule and knob tightens, and what cannot be checked does not pass."""

from dataclasses import fields, replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.review.profile import Profile
from sandbox.review.rules import Asked, Outcome, Ruling, after, before
from sandbox.review.votes import Ballot, Round, Verdict, may_vote, seen_by, tally
from sandbox.terms.answer import Answer, CountColumn, KeyColumn, MeanColumn, Noise
from sandbox.terms.dataset import Grade, Type
from sandbox.terms.people import Person, ReviewDuty, Role

NEED = "a need said in many words, more than fifty characters of them"
NOISE = Noise("discrete laplace", float(3).hex())
OUTCOMES = list(Outcome)
DUTIES = list(ReviewDuty)

shares = st.fractions(0, 1, max_denominator=100)
grades = st.sampled_from([Grade.GENERAL, Grade.IMPORTANT])
draws = st.integers(0, 999).map(lambda number: Fraction(number, 1000))


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    grade = draw(grades)
    votes = draw(st.integers(0, 2))
    return Profile(
        "p",
        grade,
        votes,
        Fraction(0) if votes else draw(shares),
        draw(st.integers(0, 50)),
        draw(st.none() | st.fractions(Fraction(1, 100), 10, max_denominator=100)),
        draw(st.none() | shares),
        draw(st.none() | st.integers(1, 30)),
        draw(st.none() | st.integers(2, 30)),
        draw(st.none() | shares),
    )


@st.composite
def releases(draw: st.DrawFn) -> tuple[Asked, Answer, dict[str, list[tuple[float, float]]] | None]:
    groups = draw(st.integers(1, 6))
    counts = st.lists(st.integers(-5, 40), min_size=groups, max_size=groups).map(tuple)
    columns = [KeyColumn("k", Type.INT, tuple(range(groups)))]
    for number in range(draw(st.integers(0, 3))):
        column = CountColumn(f"c{number}", draw(counts), NOISE)
        if draw(st.booleans()):
            half = Fraction(1, 2)
            column = MeanColumn(
                f"c{number}", column.integers, draw(counts), half, half, Fraction(0), Fraction(9), NOISE, NOISE
            )
        columns.append(column)
    widths = st.integers(0, 60)
    intervals = {
        column.name: [(number - width, number + width) for number in column.numbers() for width in [draw(widths)]]
        for column in columns[1:]
    }
    asked = Asked(
        draw(grades),
        draw(st.fractions(0, 20, max_denominator=100)),
        draw(st.fractions(0, 20, max_denominator=100)),
        groups,
        draw(st.integers(0, 3)),
        NEED,
        draw(st.sampled_from(DUTIES)),
    )
    return asked, Answer("o", tuple(columns)), draw(st.none() | st.just(intervals))


def at_least(strict: Ruling, mild: Ruling) -> bool:
    return strict.votes >= mild.votes and OUTCOMES.index(strict.outcome) >= OUTCOMES.index(mild.outcome)


@given(releases(), profiles(), draws)
def test_a_grants_duty_tightens_and_never_loosens(release, profile, draw):
    asked, answer, intervals = release
    ladder = [after(replace(asked, duty=duty), answer, profile, draw, intervals) for duty in DUTIES]
    assert at_least(ladder[1], ladder[0])
    assert at_least(ladder[2], ladder[1])
    assert ladder[1].votes >= 1
    assert ladder[2].votes == 2
    quotes = [before(replace(asked, duty=duty), profile) for duty in DUTIES]
    assert at_least(quotes[1], quotes[0])
    assert at_least(quotes[2], quotes[1])


@given(releases(), profiles(), draws)
def test_the_answer_only_adds_reasons(release, profile, draw):
    asked, answer, intervals = release
    quote, ruling = before(asked, profile), after(asked, answer, profile, draw, intervals)
    assert at_least(ruling, quote)
    assert set(quote.reasons) <= set(ruling.reasons)


@given(releases(), profiles(), draws)
def test_every_knob_only_tightens(release, profile, draw):
    asked, answer, intervals = release
    strict = after(asked, answer, profile, draw, intervals)
    for knob in [field.name for field in fields(Profile) if field.name.startswith("hold_")]:
        loose = after(asked, answer, replace(profile, **{knob: None}), draw, intervals)
        assert at_least(strict, loose), knob
        assert set(loose.reasons) - {"sampled"} <= set(strict.reasons), knob


@given(releases(), profiles(), draws)
def test_a_ruling_is_of_one_of_three_forms(release, profile, draw):
    asked, answer, intervals = release
    ruling = after(asked, answer, profile, draw, intervals)
    match ruling.outcome:
        case Outcome.AUTOMATIC:
            assert (ruling.votes, ruling.reasons) == (0, ())
        case Outcome.SAMPLED:
            assert (ruling.votes, ruling.reasons) == (0, ("sampled",))
            assert draw < profile.sample_rate
        case Outcome.HELD:
            assert ruling.votes in (1, 2)
            assert ruling.reasons
    if asked.grade is Grade.IMPORTANT:
        assert ruling.votes == 2
    if asked.grade is not profile.grade:
        assert ruling.outcome is Outcome.HELD
    if any(reason.endswith("-unchecked") for reason in ruling.reasons):
        assert ruling.outcome is Outcome.HELD


@given(releases(), profiles(), draws, draws)
def test_the_draw_decides_nothing_but_sampling(release, profile, one, other):
    asked, answer, intervals = release
    first, second = after(asked, answer, profile, one, intervals), after(asked, answer, profile, other, intervals)
    assert first == second or Outcome.HELD not in (first.outcome, second.outcome)


ballots = st.lists(
    st.builds(
        Ballot,
        reviewer=st.sampled_from("abcd"),
        human=st.sampled_from("abcd"),
        organisation=st.just("bureau"),
        verdict=st.sampled_from([*Verdict, "maybe"]),
        reason=st.just("because"),
        round=st.sampled_from([*Round, "fourth"]),
        digest=st.sampled_from(["new", "new", "new", "old"]),
    ),
    max_size=14,
)


@settings(max_examples=500)
@given(ballots, st.integers(1, 2))
def test_whatever_is_stuffed_in_an_approval_has_its_humans(cast, needed):
    found = tally(needed, cast, "new")
    assert all(ballot.digest == "new" for ballot in found.counted)
    for round_ in Round:
        humans = [ballot.human for ballot in found.counted if ballot.round == round_]
        assert len(humans) == len(set(humans))
    if found.decision is not None:
        wanted = "approve" if found.decision == "approved" else "reject"
        agreeing = {ballot.human for ballot in found.counted if ballot.verdict == wanted}
        assert len(agreeing) >= needed or found.counted[-1].round == Round.THIRD
        assert len({ballot.human for ballot in found.counted}) >= needed
        assert found.counted[-1].verdict == wanted


@given(ballots, st.integers(0, 2), st.sampled_from("abcde"))
def test_nobody_sees_a_vote_before_their_own_independent_one(cast, needed, human):
    found = tally(needed, cast, "new")
    if found.round is Round.INDEPENDENT:
        assert {ballot.human for ballot in seen_by(found, human)} <= {human}
    reviewer = Person(human, "bureau", Role.REVIEWER)
    independent = [ballot for ballot in found.counted if ballot.round == Round.INDEPENDENT]
    if may_vote(found, reviewer, "author", "acme") is None and found.round is Round.INDEPENDENT:
        assert seen_by(found, human) == ()
        assert human not in {ballot.human for ballot in independent}
