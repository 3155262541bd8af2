"""Descriptions: what a good one becomes, and where and how a bad one is refused."""

import time
from fractions import Fraction

import pytest

from sandbox.terms.dataset import ColumnRole, Grade, Type, UnitLink
from sandbox.terms.description import parse_description
from sandbox.terms.granularity import default_granularity
from sandbox.terms.loss import Mode
from sandbox.terms.moments import date_text, days, microseconds, timestamp_text
from sandbox.terms.refusal import DescriptionInvalid
from sandbox.terms.toml_lines import key_lines

GOOD = """\
[dataset]
name = "clinic"
title = "Visits of the city clinic"
steward = "health-bureau"
unit_space = "clinic-patients"
grade = "general"
budget = { epsilon = "20" }
[unit_spaces.clinic-patients]
accounting = "zcdp"
budget = { epsilon = "20", delta = "1e-6" }
[tables.visits]
unit = "patient_id"
rows_max = 1_000_000
max_rows_per_unit = 50
max_groups_per_unit = 10
[tables.visits.columns]
patient_id = { type = "string", role = "unit" }
sex     = { type = "string", keys = ["M", "F"] }
age     = { type = "int", bounds = [0, 110] }
cost    = { type = "float", bounds = [0.0, 5000.0], granularity = 0.01 }
visited = { type = "date", bounds = ["2024-01-01", "2025-12-31"] }
note    = { type = "string", role = "withheld" }
flag    = { type = "bool" }
rate    = { type = "float", bounds = [0.1, 0.3] }
seen    = { type = "timestamp", bounds = ["1970-01-01T00:00:01Z", "1970-01-02"] }
"""


def test_the_whole_of_a_description():
    dataset = parse_description(GOOD)
    assert (dataset.name, dataset.title, dataset.steward) == ("clinic", "Visits of the city clinic", "health-bureau")
    assert (dataset.unit_space, dataset.grade, dataset.epsilon) == ("clinic-patients", Grade.GENERAL, 20)
    space = dataset.space
    assert (space.mode, space.epsilon, space.delta, space.buckets) == (Mode.ZCDP, 20, Fraction(1, 10**6), 16)
    table = dataset.table("visits")
    assert (table.unit, table.rows_max, table.max_rows_per_unit, table.max_groups_per_unit) == (
        "patient_id",
        1_000_000,
        50,
        10,
    )
    columns = {column.name: column for column in table.columns}
    assert columns["patient_id"].role is ColumnRole.UNIT
    assert columns["note"].role is ColumnRole.WITHHELD
    assert (columns["sex"].keys, columns["sex"].max_length) == (("F", "M"), 200)
    assert (columns["age"].low, columns["age"].high, columns["age"].granularity) == (0, 110, 1)
    assert columns["cost"].granularity == Fraction(1, 100)
    assert (columns["visited"].low, columns["visited"].high) == (19723, 20453)
    assert columns["flag"].keys == (False, True)
    assert (columns["rate"].low, columns["rate"].high) == (Fraction(1, 10), Fraction(3, 10))
    assert columns["rate"].granularity == Fraction(1, 10**7)
    assert columns["seen"].type is Type.TIMESTAMP
    assert (columns["seen"].low, columns["seen"].high) == (1_000_000, 86_400_000_000)


def test_what_may_be_left_out():
    text = GOOD.replace("max_groups_per_unit = 10\n", "")
    text = text.replace('[unit_spaces.clinic-patients]\naccounting = "zcdp"\n', "").replace(
        'budget = { epsilon = "20", delta = "1e-6" }\n', ""
    )
    dataset = parse_description(text)
    assert dataset.space is None
    assert dataset.tables[0].max_groups_per_unit == 50


def test_pure_accounting_needs_no_delta():
    dataset = parse_description(GOOD.replace('"zcdp"', '"pure"').replace(', delta = "1e-6"', ""))
    assert (dataset.space.mode, dataset.space.delta) == (Mode.PURE, 0)


# what to change, into what, the line where it is found, a word of the message
BAD = [
    ('name = "clinic"', 'name = "Clinic"', 2, "allowed form"),
    ('name = "clinic"', 'nam = "clinic"', 2, "Did you mean name?"),
    ('name = "clinic"', "", 1, "name is missing"),
    ('name = "clinic"', "name = 3", 2, "must be a string"),
    ('name = "clinic"', 'name = "a"\nname = "b"', 3, "given twice"),
    ('name = "clinic"', 'name = "clinic', 2, "not TOML"),
    ('title = "Visits', 'title = "\\n', 3, "cannot be used"),
    ("title =", 'title = "' + "x" * 201 + '" #', 3, "cannot be used"),
    ('grade = "general"', 'grade = "genral"', 6, "Did you mean general?"),
    ('budget = { epsilon = "20" }', "budget = { epsilon = 20 }", 7, "must be a string"),
    ('budget = { epsilon = "20" }', 'budget = { epsilon = "0" }', 7, "out of range"),
    ('budget = { epsilon = "20" }', 'budget = { epsilon = "-1" }', 7, "not a decimal"),
    ('budget = { epsilon = "20" }', 'budget = { epsilon = "1", delta = "1e-9" }', 7, "no key of this name"),
    ("[unit_spaces.clinic-patients]", "[unit_spaces.clinic-patient]", 8, "Did you mean clinic-patients?"),
    ('accounting = "zcdp"', 'accounting = "rdp"', 9, "no such choice"),
    (', delta = "1e-6"', "", 10, "delta is missing"),
    ('delta = "1e-6"', 'delta = "0"', 10, "out of range"),
    ('delta = "1e-6"', 'delta = "0.002"', 10, "out of range"),
    ('accounting = "zcdp"', 'accounting = "zcdp"\nbuckets = 12', 10, "power of two"),
    ('accounting = "zcdp"', 'accounting = "zcdp"\nbuckets = 8192', 10, "out of range"),
    ("[tables.visits]", "[tables.Visits]", 11, "allowed form"),
    ('unit = "patient_id"', 'unit = "age"', 12, "not a column with that role"),
    ("rows_max = 1_000_000", "rows_max = 0", 13, "out of range"),
    ("rows_max = 1_000_000", "rows_max = true", 13, "must be an integer"),
    ("rows_max = 1_000_000", "rows_max = 1e6", 13, "must be an integer"),
    ("rows_max = 1_000_000", "", 11, "rows_max is missing"),
    ("max_rows_per_unit = 50", "max_rows_per_unit = 1_000_001", 14, "out of range"),
    ("max_groups_per_unit = 10", "max_groups_per_unit = 51", 15, "out of range"),
    ("sex     =", "Sex =", 18, "allowed form"),
    ('"F"]', '"F", "F"]', 18, "listed twice"),
    ('"F"]', '"F", "e\u0301"]', 18, "not in Unicode NFC"),
    ('["M", "F"]', "[]", 18, "number of keys"),
    ('["M", "F"]', '["M", 1]', 18, "does not fit"),
    ('["M", "F"]', '[\n "M",\n # a comment ["\n 1]', 21, "does not fit"),
    ('["M", "F"]', '["M", "F"], max_length = 0', 18, "out of range"),
    ('["M", "F"]', '["M", "FF"], max_length = 1', 18, "longer than max_length"),
    ('["M", "F"]', '["M", "\u202e"]', 18, "direction character"),
    ('["M", "F"]', '["M", "F"], distinct_max = 2', 18, "does not go with"),
    ("granularity = 0.01", "distinct_max = 5", 20, "does not go with"),
    ("bounds = [0, 110]", "distinct_max = 0", 19, "out of range"),
    ("[0, 110]", "[110, 0]", 19, "above the upper"),
    ("[0, 110]", "[0]", 19, "two values"),
    ("[0, 110]", "[0, 1.5]", 19, "does not fit"),
    ("[0, 110]", "[0, 9223372036854775807]", 19, "does not fit"),
    ("[0, 110]", "[0, true]", 19, "does not fit"),
    ('"int", bounds = [0, 110]', '"integer"', 19, "Did you mean int?"),
    ('"int", bounds = [0, 110]', '"int", bound = [0, 110]', 19, "Did you mean bounds?"),
    ("bounds = [0, 110]", "bounds = [0, 110], keys = [5, 111]", 19, "outside the bounds"),
    ("bounds = [0, 110]", 'role = "unit"', 19, "one unit column"),
    ("granularity = 0.01", "granularity = 0", 20, "not a step"),
    ("granularity = 0.01", "granularity = 1e-30", 20, "too fine"),
    ("[0.0, 5000.0]", "[0.0, inf]", 20, "does not fit"),
    ("[0.0, 5000.0]", "[nan, 1.0]", 20, "does not fit"),
    ("[0.0, 5000.0]", "[0.0, 1e999999999]", 20, "does not fit"),
    ("bounds = [0.0, 5000.0], ", "", 20, "needs bounds"),
    ("[0.0, 5000.0]", "[0.0, 5000.0], keys = [1.5]", 20, "does not go with"),
    ('"2025-12-31"', "2025-12-31", 21, "does not fit"),
    ('"2025-12-31"', '"2025-02-30"', 21, "does not fit"),
    ('role = "withheld"', 'role = "withheld", keys = ["a"]', 22, "does not go with"),
    ('role = "withheld"', 'role = "hidden"', 22, "no such choice"),
    ('{ type = "bool" }', '{ type = "bool", keys = [true] }', 23, "does not go with"),
    ('{ type = "bool" }', '"bool"', 23, "must be a table"),
    ('{ type = "string", role = "unit" }', '{ type = "float", role = "unit" }', 17, "cannot be of this type"),
    ("[dataset]", "[[dataset]]", 1, "must be a table"),
    ("[dataset]", "zzz = 1\n[dataset]", 1, "no key of this name"),
    ("[dataset]", "a = " + "[" * 2000 + "]" * 2000 + "\n[dataset]", 1, "nested too deep"),
    ("[dataset]", "a = " + "9" * 5000 + "\n[dataset]", 1, "too many digits"),
    ("[dataset]", "\n" + "a." * 100_000 + "a = 1\n[dataset]", 2, "too many parts"),
    ("[dataset]", "#\x01\n[dataset]", 1, "control or direction"),
    ("[dataset]", "#" + "x" * 2**20 + "\n[dataset]", 1, "too long"),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), BAD, ids=range(len(BAD)))
def test_a_bad_description_is_refused_at_its_line(old, new, line, words):
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    begin = time.process_time()
    with pytest.raises(DescriptionInvalid) as found:
        parse_description(text, "clinic.toml")
    assert time.process_time() - begin < 2
    problem = found.value.problem()
    assert words in problem["detail"]
    assert problem["detail"].startswith(f"clinic.toml:{line}: ")
    assert (problem["file"], problem["line"]) == ("clinic.toml", line)
    assert problem["allowed"]
    assert problem["detail"].endswith(f"Allowed: {problem['allowed']}.")


def test_no_tables_and_too_many_keys():
    head = GOOD[: GOOD.index("[tables.visits]")]
    with pytest.raises(DescriptionInvalid, match="tables is missing"):
        parse_description(head)
    keys = ", ".join(f'"{number}"' for number in range(10_001))
    with pytest.raises(DescriptionInvalid, match="number of keys"):
        parse_description(GOOD.replace('"M", "F"', keys))


def test_lines_of_everything_that_toml_can_write():
    text = """
a.b = '''
x = 1
''' # c = 2
"quoted \\" key" = [ # comment ]
  1, [2,
  3], "] # \\" {",
]
[ t . "u" ]
v = { w = [1,
  { x = 'y' }], z.q = 1979-05-27T07:32:00Z }
m = \"\"\"
k = 1 \\\"\"\" ""\"\"\"
last = 0x_1
[[array]]
k = 1
"""
    text = text.replace("0x_1", "0x1")
    import tomllib

    tomllib.loads(text)
    lines = key_lines(text)
    expected = {
        ("a", "b"): 2,
        ('quoted " key',): 5,
        ('quoted " key', 0): 6,
        ('quoted " key', 1, 1): 7,
        ('quoted " key', 2): 7,
        ("t", "u"): 9,
        ("t", "u", "v"): 10,
        ("t", "u", "v", "w", 1): 11,
        ("t", "u", "v", "w", 1, "x"): 11,
        ("t", "u", "v", "z", "q"): 11,
        ("t", "u", "m"): 12,
        ("t", "u", "last"): 14,
        ("array",): 15,
        ("array", "k"): 16,
    }
    assert {path: lines.get(path) for path in expected} == expected
    assert ("c",) not in lines
    assert ("k",) not in lines


@pytest.mark.parametrize(
    ("low", "high", "step"),
    [
        (0, 2**20, 1),
        (0, 2**20 - 1, Fraction(1, 10)),
        (0, 10 * 2**20, 10),
        (0, 0, Fraction(1, 10**7)),
        (5, 5, Fraction(1, 10**6)),
        (0, Fraction(1, 10**30), Fraction(1, 10**18)),
        (10**15, 10**15 + 1, 1000),
    ],
)
def test_default_granularity(low, high, step):
    assert default_granularity(Fraction(low), Fraction(high)) == step


def test_moments():
    assert days("1970-01-02") == 1
    assert microseconds("1970-01-01T01:00:00+01:00") == 0
    assert microseconds("1969-12-31 23:59:59.5") == -500_000
    for wrong in (
        "2024-1-1",
        "20240101",
        "2024-02-30",
        "0000-01-01",
        "yesterday",
        "２０２４-01-01",
        "2024-01-01T25:00",
    ):
        assert days(wrong) is None
        assert microseconds(wrong) is None
    for number in (0, -1, 19723, 10**5):
        assert days(date_text(number)) == number
        assert microseconds(timestamp_text(number * 10**9 + 7)) == number * 10**9 + 7


LINKED = """
[dataset]
name = "shop"
title = "Orders"
steward = "bureau"
unit_space = "customers"
grade = "general"
budget = { epsilon = "20" }
[tables.customer]
unit = "c_key"
key = "c_key"
rows_max = 100
max_rows_per_unit = 1
[tables.customer.columns]
c_key = { type = "int", role = "unit" }
[tables.orders]
unit = { through = "customer", key = "c_key", column = "o_customer" }
key = ["o_key"]
rows_max = 1000
max_rows_per_unit = 50
[tables.orders.columns]
o_key = { type = "int", bounds = [0, 1000] }
o_customer = { type = "int", bounds = [0, 1000] }
"""

PUBLIC = """
[dataset]
name = "city"
title = "Stations"
steward = "bureau"
grade = "general"
public = true
[tables.stations]
key = "station"
rows_max = 100
[tables.stations.columns]
station = { type = "int", bounds = [0, 100] }
"""


def test_links_and_keys():
    described = parse_description(LINKED)
    orders = described.table("orders")
    assert orders is not None and orders.unit is None and orders.key == ("o_key",)
    assert orders.link == UnitLink("customer", "o_customer", "c_key")


def test_a_public_dataset_has_no_units_and_no_budget():
    described = parse_description(PUBLIC)
    table = described.table("stations")
    assert described.public and not parse_description(LINKED).public
    assert table is not None and (table.unit, table.max_rows_per_unit, table.max_groups_per_unit) == (None, 0, 0)


@pytest.mark.parametrize(
    ("text", "old", "new", "words"),
    [
        (LINKED, 'through = "customer"', 'through = "nobody"', "cannot be found"),
        (LINKED, 'through = "customer"', 'through = "orders"', "cannot be found"),
        (LINKED, 'key = "c_key", column', 'key = "o_key", column', "not the declared key"),
        (LINKED, 'key = "c_key"\nrows', "rows", "not the declared key"),
        (LINKED, 'column = "o_customer"', 'column = "missing"', "no such column"),
        (LINKED, 'o_customer = { type = "int", bounds = [0, 1000] }', 'o_customer = { type = "string" }', "different types"),
        (LINKED, 'key = ["o_key"]', 'key = ["o_key", "o_key"]', "no key"),
        (LINKED, 'key = ["o_key"]', 'key = "nothing"', "no key"),
        (LINKED, 'key = ["o_key"]', "key = 7", "no key"),
        (PUBLIC, 'grade = "general"', 'grade = "core"', "general grade"),
        (PUBLIC, "public = true", 'public = true\nunit_space = "x"', "has none"),
        (PUBLIC, "public = true", 'public = true\nbudget = { epsilon = "1" }', "has none"),
        (PUBLIC, "public = true", 'public = "yes"', "true or false"),
        (PUBLIC, "rows_max = 100", 'rows_max = 100\nunit = "station"', "no units"),
        (PUBLIC, "rows_max = 100", "rows_max = 100\nmax_rows_per_unit = 5", "no units"),
        (PUBLIC, 'station = { type = "int", bounds = [0, 100] }', 'station = { type = "int", role = "unit" }', "one unit column"),
    ],
)  # fmt: skip
def test_bad_links_and_public_tables_are_refused_at_their_line(text, old, new, words):
    assert old in text
    with pytest.raises(DescriptionInvalid) as refused:
        parse_description(text.replace(old, new, 1))
    assert words in refused.value.detail and refused.value.facts["line"] > 1


def test_control_a_key_in_nfc_is_a_key() -> None:
    text = GOOD.replace('"F"]', '"F", "\u00e9"]')
    assert "\u00e9" in text
    parse_description(text)


def test_what_was_registered_before_keys_had_a_form_is_read_as_it_was() -> None:
    """Its loaded versions were stored under these very keys."""
    text = GOOD.replace('"F"]', '"F", "e\u0301"]')
    column = parse_description(text, registered=True).tables[0].column("sex")
    assert column is not None and column.keys == ("F", "M", "e\u0301")
    with pytest.raises(DescriptionInvalid):  # the control: nothing else is let through
        parse_description(text.replace('["M"', '["M", "M"'), registered=True)
