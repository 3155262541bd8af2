"""Registration (登记): a description becomes a dataset with accounts, before any data is there."""

from policies.roles import Action
from sandbox.privacy.conversion import budget_loss
from sandbox.service.access import require
from sandbox.service.ask import is_unicode
from sandbox.service.audit import entry, is_label
from sandbox.service.catalogue import dataset_view
from sandbox.service.enclave import Enclave
from sandbox.service.views import DatasetView
from sandbox.terms.dataset import Dataset, UnitSpace
from sandbox.terms.description import parse_description
from sandbox.terms.people import Person
from sandbox.terms.refusal import MalformedRequest, NotFound, RequestTooLarge, RoleNotPermitted, UnitSpaceConflict

DESCRIPTION_LIMIT = 262_144
"""Characters of a description."""

_FILE_LIMIT = 200


def register(enclave: Enclave, actor: Person, text: str, file: str) -> DatasetView:
    """Register the dataset that `text` describes; `file` names it in messages only.

    Only who speaks for the described data may: the description's `steward` is the actor's organisation or name.

    Raises:
        RoleNotPermitted, RequestTooLarge, DescriptionInvalid, DatasetExists, UnitSpaceConflict, AuditUnavailable.
    """
    require(enclave, actor, Action.REGISTER_DATASET)
    if len(text) > DESCRIPTION_LIMIT:
        raise RequestTooLarge(f"The description has more than {DESCRIPTION_LIMIT} characters.", field="description")
    if not is_unicode(text):
        raise MalformedRequest("The description is not valid Unicode.", field="description")
    dataset = parse_description(text, file if is_label(file, _FILE_LIMIT) else "description.toml")
    try:
        require(enclave, actor, Action.REGISTER_DATASET, stewards=(dataset.steward,))
    except NotFound:
        # The actor wrote the description: nothing to hide from them here.
        raise RoleNotPermitted(
            f'The description names "{dataset.steward}" as steward; you speak for "{actor.organisation}".'
        ) from None
    if dataset.public:
        enclave.ledger.add_dataset(dataset, text, None, None, None, entry(enclave, actor, "dataset.registered", {}))
        return dataset_view(enclave, dataset)
    space = _space(enclave, dataset)
    space_limit, limit = budget_loss(space, space.epsilon), budget_loss(space, dataset.epsilon)
    enclave.ledger.add_dataset(
        dataset, text, space, space_limit, limit, entry(enclave, actor, "dataset.registered", {})
    )
    return dataset_view(enclave, dataset)


def _space(enclave: Enclave, dataset: Dataset) -> UnitSpace:
    """The unit space, registered or new. The ledger checks again, in the transaction."""
    registered = enclave.ledger.space(dataset.unit_space)
    if registered is not None:
        if any(
            other.unit_space == registered.name and other.steward != dataset.steward
            for other in enclave.ledger.datasets()
        ):
            # A space's account belongs to who opened it: nobody else may draw on it or learn what is left.
            raise UnitSpaceConflict(f'The unit space "{registered.name}" belongs to another steward.')
        if dataset.space is not None and dataset.space != registered:
            raise UnitSpaceConflict(f'The unit space "{registered.name}" is registered with other terms.')
        return registered
    if dataset.space is None:
        raise UnitSpaceConflict(f'The unit space "{dataset.unit_space}" is new and must be defined.')
    return dataset.space
