"""Datasets that the plan tests ask about."""

from sandbox.terms.dataset import Dataset
from sandbox.terms.description import parse_description

CLINIC_TEXT = """\
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
ward    = { type = "int", keys = [3, 1, 2] }
day     = { type = "date", keys = ["2024-01-02", "2024-01-01"] }
urgent  = { type = "bool" }
age     = { type = "int", bounds = [0, 110] }
serial  = { type = "int" }
big     = { type = "int", bounds = [0, 4_000_000_000_000_000_000] }
cost    = { type = "float", bounds = [0.0, 5000.0], granularity = 0.01 }
weight  = { type = "float" }
visited = { type = "date", bounds = ["2024-01-01", "2025-12-31"] }
seen    = { type = "timestamp" }
city    = { type = "string" }
note    = { type = "string", role = "withheld" }
"""

OTHER_TEXT = """\
[dataset]
name = "my-other"
title = "Other visits"
steward = "health-bureau"
unit_space = "clinic-patients"
grade = "core"
budget = { epsilon = "2" }
[tables.visits]
unit = "who"
rows_max = 10
max_rows_per_unit = 1
[tables.visits.columns]
who = { type = "int", role = "unit" }
[tables.stays]
unit = "who"
rows_max = 100
max_rows_per_unit = 3
[tables.stays.columns]
who = { type = "int", role = "unit" }
a = { type = "int", keys = KEYS }
b = { type = "int", keys = KEYS }
""".replace("KEYS", str(list(range(400))))

CLINIC: dict[str, Dataset] = {"clinic": parse_description(CLINIC_TEXT)}
BOTH: dict[str, Dataset] = {**CLINIC, "my-other": parse_description(OTHER_TEXT)}

SHOP_TEXT = """\
[dataset]
name = "shop"
title = "Orders of a market"
steward = "trade-bureau"
unit_space = "clinic-patients"
grade = "general"
budget = { epsilon = "20" }
[tables.customer]
unit = "c_id"
key = ["c_id"]
rows_max = 100_000
max_rows_per_unit = 1
[tables.customer.columns]
c_id = { type = "int", role = "unit" }
c_nation = { type = "int", bounds = [0, 24] }
c_segment = { type = "string", keys = ["A", "B"] }
[tables.orders]
unit = { through = "customer", key = "c_id", column = "o_customer" }
key = ["o_id"]
rows_max = 1_000_000
max_rows_per_unit = 40
max_groups_per_unit = 20
[tables.orders.columns]
o_customer = { type = "int" }
o_id = { type = "int" }
o_day = { type = "date", bounds = ["2020-01-01", "2024-12-31"] }
o_total = { type = "float", bounds = [0.0, 10000.0], granularity = 0.01 }
o_status = { type = "string", max_length = 10 }
[tables.line]
unit = { through = "orders", key = "o_id", column = "l_order" }
rows_max = 5_000_000
max_rows_per_unit = 200
max_groups_per_unit = 20
[tables.line.columns]
l_order = { type = "int" }
l_part = { type = "int" }
l_count = { type = "int", bounds = [0, 50] }
l_price = { type = "float", bounds = [0.0, 1000.0], granularity = 0.01 }
"""

PLACES_TEXT = """\
[dataset]
name = "places"
title = "Nations and parts"
steward = "trade-bureau"
grade = "general"
public = true
[tables.nation]
key = ["n_id"]
rows_max = 25
[tables.nation.columns]
n_id = { type = "int", bounds = [0, 24] }
n_name = { type = "string", keys = ["CHINA", "FRANCE", "INDIA"] }
n_region = { type = "int", bounds = [0, 4] }
[tables.region]
key = ["r_id"]
rows_max = 5
[tables.region.columns]
r_id = { type = "int", bounds = [0, 4] }
r_name = { type = "string", keys = ["ASIA", "EUROPE"] }
[tables.part]
key = ["p_id"]
rows_max = 1000
[tables.part.columns]
p_id = { type = "int" }
p_size = { type = "int", bounds = [1, 50] }
"""

SHOP: dict[str, Dataset] = {
    "shop": parse_description(SHOP_TEXT),
    "places": parse_description(PLACES_TEXT),
    "clinic": CLINIC["clinic"],
}
