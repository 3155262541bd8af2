"""Questions over several datasets and public ones in the log: what each is charged, and that every false statement of what
was read is found by the books alone, though the whole log is signed anew. Control: the log itself verifies."""

import pytest
from made_lives import also, joined
from made_logs import DIGEST, KEY, OTHER_DIGEST, MadeLog, limit, loss

from sandbox.proof.log_export import verify_export
from sandbox.terms.refusal import ProofFailed

BOTH = also("areas", "dental")
WIDE = {"limit": limit(2_000)}


def edit(label, /, **changed):
    return lambda log: log.edit(label, **changed)


def after(label, method, *args, **changed):
    return lambda log: log.after(label, getattr(log, method), *args, **changed)


def unlike(**changed):
    """One source that differs as said."""
    return [{name: value for name, value in {**BOTH[0], **changed}.items() if value is not ...}, BOTH[1]]


MUTATIONS = {
    # what is said of the sources
    "nothing of further datasets": (edit("reserve 1", also=...), "reserve 1", "does not list its also"),
    "no list of them": (edit("reserve 1", also={}), "reserve 1", "does not list its also"),
    "a list of names": (edit("reserve 1", also=["areas"]), "reserve 1", "does not list its also"),
    "out of order": (edit("reserve 1", also=BOTH[::-1]), "reserve 1", "in order"),
    "one twice": (edit("reserve 1", also=[*BOTH, BOTH[1]]), "reserve 1", "in order"),
    "more than a source": (edit("reserve 1", also=unlike(cost="0")), "reserve 1", "in form"),
    "less than a source": (edit("reserve 1", also=unlike(manifest=...)), "reserve 1", "in form"),
    "a digest that is none": (edit("reserve 1", also=unlike(manifest="ab")), "reserve 1", "manifest"),
    "a version never loaded": (edit("reserve 1", also=unlike(data_version=2)), "reserve 1", "never loaded"),
    "another manifest": (edit("reserve 1", also=unlike(manifest=OTHER_DIGEST)), "reserve 1", "never loaded"),
    "another manifest of it": (edit("loaded areas", manifest=OTHER_DIGEST), "reserve 1", "never loaded"),
    "unknown data": (edit("reserve 1", also=also("nowhere")), "reserve 1", "may not"),
    "the first one again": (edit("reserve 1", also=also("clinic")), "reserve 1", "may not"),
    "core data": (edit("registered dental", grade="core"), "reserve 1", "may not"),
    "a public dataset first": (edit("reserve 1", dataset="areas", also=[]), "reserve 1", "does not name"),
    # grants
    "under a grant of one": (edit("reserve 3", also=BOTH), "reserve 3", "person or a dataset"),
    "under a grant without it": (edit("reserve 1", grant="g2"), "reserve 1", "person or a dataset"),
    # accounts
    "over the second account": (
        edit("registered dental", limit=limit(19)),
        "reserve 1",
        "dataset account of dental over",
    ),
    "over by the question": (edit("reserve 1", loss=loss(51)), "reserve 1", "dataset account of dental over"),
    # reuse
    "reused with fewer": (edit("reuse 2", also=also("dental")), "reuse 2", "another grant or dataset"),
    "reused with none": (edit("reuse 2", also=[]), "reuse 2", "another grant or dataset"),
    "reused of another version": (edit("reuse 2", also=unlike(data_version=2)), "reuse 2", "another grant or dataset"),
    "reused of another manifest": (edit("reuse 2", also=unlike(manifest=OTHER_DIGEST)), "reuse 2", "another grant or"),
    # freezes
    "reserved of frozen data": (
        after("grant of one", "frozen", 1, "dataset", "dental"),
        "reserve 1",
        "dental is frozen",
    ),
    "reserved of frozen public data": (after("grant of one", "frozen", 1, "dataset", "areas"), "reserve 1", "areas is"),
    "reused of frozen data": (after("commit 1", "frozen", 1, "dataset", "dental"), "reuse 2", "dental is frozen"),
    "released of frozen data": (after("vote 3", "frozen", 1, "dataset", "dental"), "release 1", "dental is frozen"),
    "released of frozen public data": (after("release 1", "frozen", 1, "dataset", "areas"), "release 3", "areas is"),
    # registration
    "a public dataset with a budget": (edit("registered areas", **WIDE), "registered areas", "public"),
    "a public dataset of a grade": (edit("registered areas", grade="important"), "registered areas", "public"),
    "a public dataset with a space": (edit("registered areas", space={"name": "areas"}), "registered areas", "public"),
    "a public dataset twice": (
        after("registered areas", "registered", "areas", new=False, unit_space=None, limit=None),
        "new",
        "second time",
    ),
    "a private one made public": (
        edit("registered dental", unit_space=None, limit=None),
        None,
        "is public",
    ),
    "a grant of public data": (edit("grant of one", datasets=["areas"]), "grant of one", "is public"),
}


def wrong(log: MadeLog) -> str:
    with pytest.raises(ProofFailed) as refusal:
        verify_export(log.lines(), KEY.verifier.text)
    return refusal.value.detail


@pytest.mark.parametrize(("mutate", "label", "why"), MUTATIONS.values(), ids=MUTATIONS)
def test_a_false_statement_of_what_was_read_is_found(mutate, label, why):
    log = joined()
    mutate(log)
    said = wrong(log)
    assert why in said
    if label is not None:
        assert f"Entry {log.labels[label]} " in said


def spent(log: MadeLog) -> dict[tuple[str, str], int]:
    report = verify_export(log.lines(), KEY.verifier.text)
    return {(account.kind, account.owner): account.spent.units for account in report.accounts}


def test_control_every_account_is_debited_once_and_public_data_costs_nothing():
    assert spent(joined()) == {
        ("space", "people"): 40,
        ("dataset", "clinic"): 40,
        ("dataset", "dental"): 20,
        ("grant", "g1"): 20,
        ("grant", "g2"): 20,
        ("analyst", "ann"): 40,
    }


def test_a_frozen_public_dataset_that_was_let_go_is_read_again():
    log = joined()
    log.frozen(1, "dataset", "areas")
    log.thawed(1)
    log.reserved(4, 1, also=also("areas"))
    assert spent(log)["dataset", "clinic"] == 41


def test_the_digest_of_the_made_sources_is_one():
    assert {source["manifest"] for source in BOTH} == {DIGEST}
