"""The datasets that the examples of the documentation ask about."""

from sandbox.terms.dataset import Dataset
from sandbox.terms.description import parse_description

HEAD = """\
[dataset]
name = "{name}"
title = "Examples"
steward = "bureau"
grade = "general"
"""
PRIVATE = """\
unit_space = "residents"
budget = { epsilon = "20" }
"""
CLINIC = """\
[unit_spaces.residents]
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
urgent  = { type = "bool" }
age     = { type = "int", bounds = [0, 110] }
cost    = { type = "float", bounds = [0.0, 5000.0], granularity = 0.01 }
visited = { type = "date", bounds = ["2024-01-01", "2025-12-31"] }
city    = { type = "string", max_length = 40 }
"""
SHOP = """\
[tables.customer]
unit = "c_id"
key = "c_id"
rows_max = 100_000
max_rows_per_unit = 1
[tables.customer.columns]
c_id = { type = "int", role = "unit" }
c_nation = { type = "int", bounds = [0, 24] }
c_segment = { type = "string", keys = ["A", "B"] }
[tables.orders]
unit = { through = "customer", key = "c_id", column = "o_customer" }
key = "o_id"
rows_max = 1_000_000
max_rows_per_unit = 40
[tables.orders.columns]
o_customer = { type = "int" }
o_id = { type = "int" }
o_day = { type = "date", bounds = ["2020-01-01", "2024-12-31"] }
o_total = { type = "float", bounds = [0.0, 10000.0], granularity = 0.01 }
[tables.line]
unit = { through = "orders", key = "o_id", column = "l_order" }
rows_max = 5_000_000
max_rows_per_unit = 200
[tables.line.columns]
l_order = { type = "int" }
l_count = { type = "int", bounds = [0, 50] }
l_price = { type = "float", bounds = [0.0, 1000.0], granularity = 0.01 }
"""
PLACES = """\
public = true
[tables.nation]
key = "n_id"
rows_max = 25
[tables.nation.columns]
n_id = { type = "int", bounds = [0, 24] }
n_name = { type = "string", keys = ["CHINA", "FRANCE", "INDIA"] }
"""
TEXTS = {"clinic": PRIVATE + CLINIC, "shop": PRIVATE + SHOP, "places": PLACES}
DATASETS: dict[str, Dataset] = {name: parse_description(HEAD.format(name=name) + text) for name, text in TEXTS.items()}
