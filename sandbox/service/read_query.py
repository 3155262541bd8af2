"""Looking at queries. What a running one shows is a function of its plan and of the time."""

from datetime import timedelta

from policies.roles import Action
from sandbox.service.access import require
from sandbox.service.enclave import Enclave
from sandbox.service.ports import QueryRecord, QueryState
from sandbox.service.release_clock import next_slot_ms
from sandbox.service.views import CostView, QueryView
from sandbox.terms.loss import units_text
from sandbox.terms.people import Person, Role
from sandbox.terms.refusal import NotFound

RUNNING, DONE, FAILED = "running", "done", "failed"
WAIT_LIMIT_SECONDS = 60.0


def view(enclave: Enclave, actor: Person, query: str) -> QueryView:
    """One of the actor's own queries. Raises NotFound for anybody else's."""
    require(enclave, actor, Action.VIEW_QUERY)
    return seen(enclave, own_record(enclave, actor, query))


def listed(enclave: Enclave, actor: Person) -> list[QueryView]:
    """The newest queries: an analyst's own, or for an officer everybody's; never their text."""
    require(enclave, actor, Action.LIST_QUERIES)
    owner = None if actor.role is Role.OFFICER else actor.name
    return [seen(enclave, record) for record in enclave.ledger.queries(owner)]


def wait(enclave: Enclave, actor: Person, query: str, seconds: float) -> QueryView:
    """The query as soon as it is settled, or as it is after `seconds`, at most 60."""
    require(enclave, actor, Action.VIEW_QUERY)
    record = own_record(enclave, actor, query)
    running = enclave.desk.running(record.id)
    if running is not None:
        running.settled.wait(min(max(seconds, 0.0), WAIT_LIMIT_SECONDS))
    return view(enclave, actor, query)


def own_record(enclave: Enclave, actor: Person, query: str) -> QueryRecord:
    """Raises NotFound for what is not there and for what is somebody else's, in the same words."""
    record = enclave.ledger.query(query)
    if record is None or record.person != actor.name:
        raise NotFound("You have no such query.")
    return record


def state_of(enclave: Enclave, record: QueryRecord) -> str:
    """Running until the settling write; a reservation that nobody holds any more will not be answered."""
    match record.state:
        case QueryState.COMMITTED:
            return DONE
        case QueryState.RESERVED if enclave.desk.running(record.id) is not None:
            return RUNNING
        case _:
            # Looked up again: it may have been settled between reading the record and asking the desk.
            now = enclave.ledger.query(record.id)
            return DONE if now is not None and now.state == QueryState.COMMITTED else FAILED


def seen(enclave: Enclave, record: QueryRecord) -> QueryView:
    """The view of a record."""
    state = state_of(enclave, record)
    visible_at = record.visible_at
    if state == RUNNING:
        # A late engine moves the answer to the next slot: shown when that slot has come, late or not known to be.
        slot = round((record.visible_at - record.accepted_at) / timedelta(milliseconds=1))
        elapsed = (enclave.clock.now() - record.accepted_at) / timedelta(milliseconds=1)
        visible_at = record.accepted_at + timedelta(milliseconds=next_slot_ms(slot, elapsed))
    return QueryView(
        id=record.id,
        state=state,
        dataset=record.dataset,
        purpose=str(record.request["purpose"]),
        epsilon=str(record.request["epsilon"]),
        reused=record.reused,
        cost=cost_of(record),
        accepted_at=record.accepted_at,
        visible_at=visible_at,
        receipt=enclave.ledger.receipt(record.entry),
    )


def cost_of(record: QueryRecord) -> CostView:
    """What the record's query was charged; a reused answer nothing."""
    return CostView(
        space=str(record.request["space"]),
        mode=record.loss.mode.value,
        amount="0" if record.reused else units_text(record.loss.units),
        epsilon=str(record.request["epsilon"]),
        delta=str(record.request["delta"]),
    )
