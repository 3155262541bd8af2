"""What the stewards of the six worlds say: bounds do not bind, and nothing of a unit is cut."""

HEAD = """\
[dataset]
name = "{name}"
title = "A world of its own"
steward = "health-bureau"
unit_space = "people"
grade = "general"
budget = {{ epsilon = "1000000000" }}
{space}"""
SPACE = """\
[unit_spaces.people]
accounting = "zcdp"
budget = { epsilon = "1000000000", delta = "0.001" }
buckets = 2
"""
PUBLIC = """\
[dataset]
name = "{name}"
title = "Reference tables"
steward = "health-bureau"
grade = "general"
public = true
"""
SIZES = "rows_max = 400\nmax_rows_per_unit = 4000\nmax_groups_per_unit = 4000\n"

CLINIC = (
    HEAD.format(name="clinic", space=SPACE)
    + '[tables.visits]\nunit = "who"\nkey = ["n"]\n'
    + SIZES
    + """\
[tables.visits.columns]
who     = { type = "string", role = "unit" }
n       = { type = "int", bounds = [0, 999] }
sex     = { type = "string", keys = ["F", "M", "x"] }
ward    = { type = "int", keys = [1, 2, 3, 7] }
opened  = { type = "date", keys = ["2024-01-01", "2024-01-02", "2024-02-29"] }
urgent  = { type = "bool" }
age     = { type = "int", bounds = [0, 110] }
cost    = { type = "float", bounds = [0.0, 500.0], granularity = 0.25 }
weight  = { type = "float", bounds = [-8.0, 8.0], granularity = 0.125 }
visited = { type = "date", bounds = ["2023-11-01", "2024-12-31"] }
seen    = { type = "timestamp", bounds = ["2024-01-01T00:00:00", "2024-12-31T23:59:59"] }
city    = { type = "string", max_length = 12 }
"""
)
AWKWARD = (
    HEAD.format(name="awkward", space=SPACE)
    + '[tables.things]\nunit = "who"\nkey = ["n"]\n'
    + SIZES
    + """\
[tables.things.columns]
who    = { type = "string", role = "unit" }
n      = { type = "int", bounds = [0, 999] }
label  = { type = "string", keys = ["", "a", "é", "it's", "never", "Ω", "汉字", "🙂"] }
flag   = { type = "bool" }
size   = { type = "int", bounds = [-9, 9] }
value  = { type = "float", bounds = [-10.0, 10.0], granularity = 0.125 }
other  = { type = "float", bounds = [-1.0, 1.0], granularity = 0.125 }
free   = { type = "float" }
day    = { type = "date" }
late   = { type = "date", bounds = ["1950-01-01", "2049-12-31"] }
moment = { type = "timestamp" }
word   = { type = "string", max_length = 8 }
note   = { type = "string", max_length = 12 }
"""
)
WIDE = (
    HEAD.format(name="wide", space=SPACE)
    + '[tables.numbers]\nunit = "who"\nkey = ["n"]\n'
    + SIZES
    + """\
[tables.numbers.columns]
who   = { type = "int", role = "unit" }
n     = { type = "int", bounds = [0, 999] }
grade = { type = "int", keys = [-4611686018427387903, -1, 0, 1, 4611686018427387903] }
big   = { type = "int", bounds = [-4611686018427387903, 4611686018427387903] }
large = { type = "int", bounds = [-1125899906842624, 1125899906842624] }
small = { type = "int", bounds = [-3, 3] }
far   = { type = "int", bounds = [1125899906842000, 1125899906842624] }
real  = { type = "float", bounds = [-1000000.0, 1000000.0], granularity = 0.5 }
word  = { type = "string", max_length = 6 }
day   = { type = "date", bounds = ["2000-01-01", "2000-12-31"] }
"""
)
SHOP = (
    HEAD.format(name="shop", space=SPACE)
    + '[tables.customer]\nunit = "c_id"\nkey = ["c_id"]\nrows_max = 60\nmax_rows_per_unit = 50\n'
    + """\
[tables.customer.columns]
c_id      = { type = "int", role = "unit" }
c_nation  = { type = "int", bounds = [0, 9] }
c_segment = { type = "string", keys = ["A", "B", "C"] }
c_since   = { type = "date", bounds = ["2020-01-01", "2021-12-31"] }
[tables.orders]
unit = { through = "customer", key = "c_id", column = "o_customer" }
key = ["o_id"]
"""
    + SIZES
    + """\
[tables.orders.columns]
o_customer = { type = "int" }
o_id       = { type = "int", bounds = [0, 999] }
o_day      = { type = "date", bounds = ["2020-01-01", "2020-12-31"] }
o_total    = { type = "float", bounds = [0.0, 100.0], granularity = 0.25 }
o_status   = { type = "string", keys = ["F", "O", "P"] }
o_units    = { type = "int", bounds = [0, 20] }
o_word     = { type = "string", max_length = 8 }
"""
)
CODED = (
    HEAD.format(name="coded", space=SPACE)
    + '[tables.stays]\nunit = "who"\nkey = ["n"]\n'
    + SIZES
    + """\
[tables.stays.columns]
who    = { type = "string", role = "unit" }
n      = { type = "int", bounds = [0, 999] }
code   = { type = "int", bounds = [0, 9] }
kind   = { type = "string", keys = ["k1", "k2", "k3"] }
nights = { type = "int", bounds = [0, 30] }
price  = { type = "float", bounds = [0.0, 64.0], granularity = 0.125 }
start  = { type = "date", bounds = ["2020-01-01", "2020-12-31"] }
"""
)
CODES = (
    PUBLIC.format(name="reference")
    + """\
[tables.codes]
key = ["id"]
rows_max = 10
[tables.codes.columns]
id    = { type = "int", bounds = [0, 9] }
name  = { type = "string", keys = ["ache", "burn", "cold"] }
grp   = { type = "int", bounds = [0, 3] }
rate  = { type = "float", bounds = [0.0, 4.0], granularity = 0.25 }
[tables.groups]
key = ["g"]
rows_max = 4
[tables.groups.columns]
g     = { type = "int", bounds = [0, 3] }
title = { type = "string", keys = ["low", "high"] }
[tables.notes]
rows_max = 30
[tables.notes.columns]
of   = { type = "int", bounds = [0, 9] }
mark = { type = "int", bounds = [0, 5] }
"""
)
SCHOOL = (
    HEAD.format(name="school", space=SPACE)
    + '[tables.pupils]\nunit = "pid"\nkey = ["pid"]\nrows_max = 60\nmax_rows_per_unit = 50\n'
    + """\
[tables.pupils.columns]
pid   = { type = "string", role = "unit" }
form  = { type = "int", keys = [1, 2, 3] }
born  = { type = "date", bounds = ["2008-01-01", "2012-12-31"] }
boy   = { type = "bool" }
"""
)
HEALTH = (
    HEAD.format(name="health", space="")
    + '[tables.checks]\nunit = "person"\nkey = ["n"]\n'
    + SIZES
    + """\
[tables.checks.columns]
person = { type = "string", role = "unit" }
n      = { type = "int", bounds = [0, 999] }
height = { type = "float", bounds = [100.0, 200.0], granularity = 0.5 }
teeth  = { type = "int", bounds = [0, 32] }
on_day = { type = "date", bounds = ["2022-01-01", "2022-12-31"] }
seenby = { type = "string", keys = ["dr", "nurse"] }
"""
)

WORLD_TEXTS = {
    "clinic": (CLINIC,),
    "awkward": (AWKWARD,),
    "wide": (WIDE,),
    "linked": (SHOP,),
    "reference": (CODED, CODES),
    "two-datasets": (SCHOOL, HEALTH),
}
