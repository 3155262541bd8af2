"""Keys, aggregates and texts of a relation's nodes are in the slot, each by itself, and public rows once a bucket."""

from sandbox.plan.answers import CountOutput, Measured
from sandbox.plan.facts import Facts
from sandbox.plan.measurement import ContributionBounds, Measurement
from sandbox.plan.nodes import Call, ColumnRef, Literal
from sandbox.plan.primitives import CountRows
from sandbox.plan.query import Plan
from sandbox.plan.relations import Join, Order, PerUnit, Relation, Scan, UnitAggregate, Window
from sandbox.service import call_costs, relation_costs
from sandbox.service.call_costs import calls_ns
from sandbox.service.relation_costs import keys_ns
from sandbox.service.release_clock import slot_ms
from sandbox.terms.dataset import Column, Table, Type

ROWS, CODES = 1_000_000, 10_000
COLUMNS = (("n", Type.INT), ("note", Type.STRING))
NOTE, N = ColumnRef("l.note", Type.STRING), ColumnRef("l.n", Type.INT)
VISITS = Scan("d", "t", "l.", COLUMNS, ROWS, 100)
PUBLIC = Scan("p", "t", "p.", COLUMNS, CODES, 0)
STORED = (Column("n", Type.INT, low=0, high=9), Column("note", Type.STRING, max_length=2_000))
TABLES = {
    ("d", "t"): Table("t", "u", ROWS, 100, 100, STORED),
    ("p", "t"): Table("t", None, CODES, 0, 0, STORED),
}


def slot(relation: Relation, buckets: int = 1) -> int:
    measurement = Measurement(relation, (), ContributionBounds(1, 1, 1), (CountRows(),))
    return slot_ms(Plan("s", (measurement,), Measured(0, (CountOutput("n", 0),))), TABLES, 1, 1, buckets)


def window(*order: ColumnRef) -> Window:
    return Window(VISITS, "w", "row_number", None, 0, (), tuple(Order(key, False, False) for key in order), Type.INT)


def test_a_text_that_is_sorted_costs_by_its_length_at_every_node():
    """Texts of 2,000 letters of two bytes that differ at their ends alone: 20 µs a row were measured, the slot had 0.6."""
    assert keys_ns(window(NOTE), TABLES) >= ROWS * 40_000
    twice = Window(window(NOTE), "v", "rank", None, 0, (), (Order(NOTE, True, False),), Type.INT)
    assert slot(twice) - slot(window(NOTE)) >= ROWS * 40_000 // 10**6


def test_control_without_its_length_a_sorted_text_costs_too_little(monkeypatch):
    """The bound above holds by the texts' term alone."""
    monkeypatch.setattr(relation_costs, "_text_ns", lambda *_: 0)
    assert keys_ns(window(NOTE), TABLES) < ROWS * 40_000


def test_every_key_and_aggregate_costs_by_itself():
    def counts(number: int) -> PerUnit:
        one = UnitAggregate("count_distinct", N, Type.INT)
        return PerUnit(VISITS, (), tuple((f"c{place}", one) for place in range(number)))

    assert keys_ns(counts(40), TABLES) == 40 * keys_ns(counts(1), TABLES) >= 40 * ROWS * 500
    assert keys_ns(window(N, N), TABLES) - keys_ns(window(N), TABLES) >= ROWS * 200


def test_public_rows_are_worked_on_once_a_bucket():
    pairs = ((NOTE, ColumnRef("p.note", Type.STRING)),)
    join = Join(VISITS, PUBLIC, "left", pairs, 100, True)
    few, many = slot(join, 16), slot(join, 1_024)
    assert many - few >= (1_024 - 16) * CODES * 2_000 * 10 // 10**6


def test_a_pattern_costs_by_its_letters_and_more_where_a_run_is_looked_for():
    facts = {"l.note": Facts(Type.STRING, max_length=2_000)}

    def cost(pattern: str) -> int:
        return calls_ns(Call("like", (NOTE, Literal(pattern, Type.STRING)), Type.BOOL), facts)

    assert cost("%ab%") < cost("%" + "a%" * 500) < cost("%" + "a_" * 500 + "%")
    assert cost("%" + "a_" * 300 + "%") >= 8 * 2_000 * 160  # measured: 160 ns a character
    assert cost("a_" * 300) < cost("%" + "a_" * 300 + "%") / 2  # anchored: nothing is looked for


def test_control_without_the_search_a_pattern_costs_too_little(monkeypatch):
    """The bound above holds by its term alone."""
    monkeypatch.setattr(call_costs, "_SEARCH_NS", 0)
    facts = {"l.note": Facts(Type.STRING, max_length=2_000)}
    pattern = Literal("%" + "a_" * 300 + "%", Type.STRING)
    assert calls_ns(Call("like", (NOTE, pattern), Type.BOOL), facts) < 8 * 2_000 * 160
