"""A world in which one unit space has two datasets, and a third is public."""

from service_world import REASON, World

from sandbox.service import decide_grant, register_dataset

DENTAL = """
[dataset]
name = "dental"
title = "Stays at the dental hospital"
steward = "health-bureau"
unit_space = "patients"
grade = "important"
budget = { epsilon = "20" }
[tables.stays]
unit = "person"
rows_max = 10_000
max_rows_per_unit = 3
[tables.stays.columns]
person = { type = "string", role = "unit" }
nights = { type = "int", bounds = [0, 30] }
ward = { type = "string", max_length = 20 }
"""

AREAS = """
[dataset]
name = "areas"
title = "Names of places"
steward = "transport"
grade = "general"
public = true
[tables.places]
rows_max = 100
key = "code"
[tables.places.columns]
code = { type = "string", keys = ["F", "M"] }
rural = { type = "bool" }
"""

JOIN = "select count(*) as n from clinic.visits v join dental.stays s on v.patient_id = s.person"
WITH_PUBLIC = "select count(*) as n from clinic.visits v join areas.places p on v.sex = p.code where p.rural"
OF_ALL = (
    "select count(*) as n from clinic.visits v join dental.stays s on v.patient_id = s.person "
    "join areas.places p on v.sex = p.code where p.rural"
)
BY_WARD = "select ward, count(*) as n from dental.stays group by ward"
NEED = "For planning the new dental ward"


def joined(world: World) -> World:
    """All registered and loaded; ann's grant is for clinic and dental."""
    world.register()
    register_dataset.register(world.enclave, world.sue, DENTAL, "dental.toml")
    register_dataset.register(world.enclave, world.tom, AREAS, "areas.toml")
    world.load("dental", "stays", world.sue)
    world.load("areas", "places", world.tom)
    world.grant("ann", ("clinic", "dental"))
    return world


def spent(world: World) -> dict[tuple[str, str], int]:
    """Units of every account of the unit space with anything spent."""
    grants = [standing.grant.id for standing in world.ledger.standings()]
    found = {
        account
        for dataset in ("clinic", "dental", "areas")
        for grant in grants
        for analyst in ("ann", "bob")
        for account in world.ledger.accounts("patients", dataset, grant, analyst)
    }
    return {(account.kind, account.owner): account.spent.units for account in found if account.spent.units}


def granted(world: World, *datasets: str, analyst: str = "ann", **more: object) -> str:
    """A grant of these datasets, by their steward; its id."""
    asked = world.request_grant(analyst, datasets, reason=REASON, **more)
    return decide_grant.approve(world.enclave, world.sue, asked.to_json()["id"]).to_json()["id"]
