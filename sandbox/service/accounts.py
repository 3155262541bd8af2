"""What an analyst may still spend: the accounts that move by their own questions alone.

The space's and the datasets' accounts are not shown: they would tell what rivals spend, and when.
"""

from policies.roles import Action
from sandbox.service.access import own_standings, require
from sandbox.service.amounts import epsilon_text
from sandbox.service.ask import own_accounts
from sandbox.service.enclave import Enclave
from sandbox.service.views import AccountView
from sandbox.terms.dataset import Account, UnitSpace
from sandbox.terms.loss import units_text
from sandbox.terms.people import Person
from sandbox.terms.refusal import Fault


def mine(enclave: Enclave, actor: Person) -> list[AccountView]:
    """The actor's own accounts, each once, by unit space; in it the analyst's first, then the grants' by id."""
    require(enclave, actor, Action.VIEW_ACCOUNTS)
    by_name = {dataset.name: dataset for dataset in enclave.ledger.datasets()}
    found: dict[tuple[str, str, str], AccountView] = {}
    for standing in own_standings(enclave, actor):
        grant = standing.grant
        for name in sorted({by_name[dataset].unit_space for dataset in grant.datasets}):
            space = enclave.ledger.space(name)
            if space is None:
                raise Fault
            for account in own_accounts(enclave, name, grant.id, actor.name):
                found[name, account.kind, account.owner] = _seen(space, account)
    return [found[key] for key in sorted(found)]


def _seen(space: UnitSpace, account: Account) -> AccountView:
    return AccountView(
        kind=account.kind,
        owner=account.owner,
        space=account.space,
        mode=space.mode.value,
        limit=units_text(account.limit.units),
        spent=units_text(account.spent.units),
        left=units_text(account.left),
        epsilon_limit=epsilon_text(space, account.limit.units),
        epsilon_spent=epsilon_text(space, account.spent.units),
    )
