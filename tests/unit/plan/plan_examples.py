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
