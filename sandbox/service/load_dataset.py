"""Loading a version. The engine reads the steward's files; the service sees counts of work done, never a row.

The previous version stays current until the new one is in the log; a refused or failed load leaves nothing behind.
"""

import re
from dataclasses import dataclass, replace

from ulid import ULID

from policies.roles import Action
from sandbox.service.access import require, stewarded
from sandbox.service.audit import entry
from sandbox.service.enclave import Enclave
from sandbox.service.views import LoadView
from sandbox.terms.configured_source import split_name
from sandbox.terms.dataset import Version
from sandbox.terms.order import LoadMode, LoadOrder, SourceVersion
from sandbox.terms.people import Person
from sandbox.terms.refusal import (
    DatasetNotLoaded,
    EnclaveBusy,
    Fault,
    FileNotUsable,
    MalformedRequest,
    NotFound,
    SandboxError,
)

_BARE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
"""A file of the inbox by its bare name: no folder, no hidden file, no way out."""


@dataclass(frozen=True, slots=True)
class _Load:
    actor: Person
    order: LoadOrder
    view: LoadView
    segments: int


def begin(
    enclave: Enclave, actor: Person, dataset: str, files: dict[str, str], mode: LoadMode = LoadMode.WHOLE
) -> LoadView:
    """Start loading `files` (table to bare file name in the inbox) as the dataset's next version, which grows out of the
    current one where the mode is another than WHOLE.

    Raises:
        RoleNotPermitted, NotFound, MalformedRequest, DatasetNotLoaded (nothing to add to), EnclaveBusy (another load of it runs, or too many others), EnclaveNotReady.
    """
    described, text = stewarded(enclave, actor, Action.LOAD_DATASET, dataset)
    tables = {table.name for table in described.tables}
    if not files or not set(files) <= tables or (mode is LoadMode.WHOLE and set(files) != tables):
        names = ", ".join(sorted(tables))
        raise MalformedRequest(f"Name one file for each table of the description: {names}.", tables=sorted(tables))
    if not all(_BARE.fullmatch(name) or split_name(name) for name in files.values()):
        raise MalformedRequest(
            "A file is named by its bare name in the inbox, or by a configured source and what lies in it: SOURCE:OBJECT.",
            field="files",
        )
    space = enclave.ledger.space(described.unit_space)
    if space is None and not described.public:
        raise Fault
    engine = enclave.compute.status()
    view_ = LoadView(f"load_{ULID.from_datetime(enclave.clock.now())}", "running")
    with enclave.desk.lock:
        current = enclave.ledger.version(dataset)
        if current is None and mode is not LoadMode.WHOLE:
            raise DatasetNotLoaded(f"The dataset {dataset} has no data yet to add to.", dataset=dataset)
        if enclave.desk.loads_running() >= enclave.settings.max_loads:
            raise EnclaveBusy("As many loads are running as the enclave takes at a time.")
        if not enclave.desk.begin_load(actor.name, dataset, view_):
            raise EnclaveBusy("Another load of this dataset is running.")
    order = LoadOrder(
        id=f"o_{ULID.from_datetime(enclave.clock.now())}",
        boot=engine.boot,
        dataset=dataset,
        version=current.number + 1 if current is not None else 1,
        description=text,
        space_buckets=space.buckets if space is not None else 1,
        files=dict(files),
        mode=mode,
        base=_base(current) if mode is not LoadMode.WHOLE else None,
    )
    load = _Load(actor, order, view_, 1 + (current.segments if current is not None and order.base is not None else 0))
    try:
        enclave.runner.submit(lambda: _run(enclave, load))
    except RuntimeError:
        enclave.desk.move_load(replace(view_, state="failed", problem=Fault().problem()))
        raise EnclaveBusy("The enclave is stopping.") from None
    return view_


def view(enclave: Enclave, actor: Person, load: str) -> LoadView:
    """How a load that the actor began is going. Raises NotFound for others."""
    require(enclave, actor, Action.VIEW_LOAD)
    found = enclave.desk.load(actor.name, load)
    if found is None:
        raise NotFound("You began no such load since the enclave started.")
    return found


def _base(current: Version | None) -> SourceVersion | None:
    return None if current is None else SourceVersion(current.dataset, current.number, current.manifest)


def _run(enclave: Enclave, load: _Load) -> None:
    """The job: order, then exactly one entry, then the state that the steward sees."""
    latest = load.view

    def progress(phase: str, done: int, total: int) -> None:
        nonlocal latest
        latest = replace(latest, phase=phase, done=done, total=total)
        enclave.desk.move_load(latest)

    ended = replace(latest, state="failed", problem=Fault().problem())
    try:
        try:
            version = replace(_checked(load.order, enclave.compute.load(load.order, progress)), segments=load.segments)
        except Exception as error:  # noqa: BLE001 - whatever it is, the steward sees a fault, and the log has its entry
            shown = error if isinstance(error, FileNotUsable) else Fault()
            state = "refused" if shown is error else "failed"
            ended = replace(latest, state=state, problem=shown.problem())
            facts = {"dataset": load.order.dataset, "code": shown.code}
            enclave.ledger.append(entry(enclave, load.actor, "load.refused", facts))
            return
        loaded = {"dataset": version.dataset, "version": version.number, "manifest": version.manifest}
        enclave.ledger.add_version(version, entry(enclave, load.actor, "version.loaded", {}))
        ended = replace(latest, state="done", version=loaded)
    except SandboxError as unwritten:
        # The ledger could not be written: the version, if there is one, was never recorded and is not current.
        ended = replace(latest, state="failed", problem=unwritten.problem())
    finally:
        enclave.desk.move_load(ended)


def _checked(order: LoadOrder, version: Version) -> Version:
    if (version.dataset, version.number) != (order.dataset, order.version):
        raise Fault
    return version
