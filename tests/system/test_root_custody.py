"""Custody of the root as an operator has it: locks come and go, shares open a running enclave, the log knows."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from soft_token import SoftToken, soft_token

from sandbox.client.connection import Connection
from sandbox.faces.cli.main import main

PASSPHRASE = "a long enough passphrase"


@pytest.fixture
def token(tmp_path: Path) -> Iterator[SoftToken]:
    (tmp_path / "token").mkdir()
    with soft_token(tmp_path / "token") as made:
        yield made


def sandbox(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["root", *words])
    assert result.exit_code == code, result.output
    return result


@contextmanager
def served(home: Path, options: Sequence[str], environment: dict[str, str]) -> Iterator[str]:
    """`sandbox serve`, until it is ready; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.faces.cli.main", "serve", str(home), "--port=0", "--with-parent", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address = re.search(r"http://\S+", process.stdout.readline())
        assert address is not None
        while Connection(address.group()).health() != "ready":
            assert process.poll() is None
            time.sleep(0.1)
        yield address.group()
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def entries(home: Path, secret: Path) -> list[tuple[str, str]]:
    """Kinds of the log that concern custody, and what they say."""
    from sandbox.adapters.home import open_control_keys, open_root, read_public
    from sandbox.adapters.root_opening import WithPassphrase, WithShares
    from sandbox.adapters.sqlite_ledger import SqliteLedger
    from sandbox.proof.entry import read_entry
    from sandbox.proof.sealing import derive

    words = tuple(secret.read_text().splitlines())
    opening = WithPassphrase(words[0].encode()) if len(words) == 1 else WithShares(words)
    keys = open_control_keys(home, derive(open_root(home, opening), "control"))
    origin = read_public(home)["origin"]
    ledger = SqliteLedger(home / "ledger.sqlite", origin=origin, signer=keys.log, state_key=keys.state)
    try:
        found = [read_entry(body) for body in ledger.entries(0, ledger.size())]
    finally:
        ledger.close()
    return [
        (item["kind"], item["facts"].get("opened") or f"{item['facts']['change']} {item['facts']['lock']['name']}")
        for item in found
        if item["kind"] in ("root.changed", "enclave.started")
    ]


def test_an_enclave_passes_from_a_passphrase_to_shares_and_a_token(tmp_path: Path, token: SoftToken) -> None:
    home, passphrase = tmp_path / "home", tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE + "\n")
    made = CliRunner().invoke(main, ["init", str(home), "--name", "test.enclave", "--passphrase-file", str(passphrase)])
    assert made.exit_code == 0
    by_passphrase = ("--passphrase-file", str(passphrase))
    assert sandbox("list", str(home)).stdout == "passphrase\tpassphrase\t\n"

    words = sandbox("add-shares", str(home), "custodians", *by_passphrase).stdout.splitlines()
    assert [len(share.split()) for share in words] == [33] * 5
    pin = tmp_path / "pin"
    pin.write_text(f"{token.access.pin}\n")
    module = str(token.access.module)
    sandbox(
        "add-token", str(home), "hsm", "--token", token.label,
        "--token-module", module, "--token-pin-file", str(pin), *by_passphrase,
    )  # fmt: skip
    shares, few = tmp_path / "shares", tmp_path / "few"
    shares.write_text("\n".join(words[2:5]) + "\n")
    few.write_text("\n".join(words[:2]) + "\n")
    sandbox("remove", str(home), "passphrase", "--shares-file", str(shares))
    assert sandbox("list", str(home)).stdout == (
        "custodians\tshares\tthreshold 3, shares 5\nhsm\ttoken\ttoken sandbox\n"
    )
    refused = sandbox("rotate", str(home), "--shares-file", str(few), code=4)
    assert not any(word in refused.output for word in words[0].split() if len(word) > 6)
    sandbox("rotate", str(home), *by_passphrase, code=4)

    with served(home, ["--shares-file", str(shares)], {}):
        sandbox("list", str(home))
        busy = sandbox("remove", str(home), "hsm", "--shares-file", str(shares), code=2)
        assert "Another process" in busy.output
    with served(home, ["--pkcs11-module", module, "--pin-file", str(pin)], token.environment):
        pass

    fresh = sandbox("rotate", str(home), "--shares-file", str(shares)).stdout.splitlines()
    assert sandbox("list", str(home)).stdout == "custodians\tshares\tthreshold 3, shares 5\n"
    sandbox("rotate", str(home), "--shares-file", str(shares), code=4)  # the shares of before are of no use
    shares.write_text("\n".join(fresh[:3]))
    with served(home, ["--shares-file", str(shares)], {}):
        pass
    assert entries(home, shares) == [
        ("root.changed", "added custodians"),
        ("root.changed", "added hsm"),
        ("root.changed", "removed passphrase"),
        ("enclave.started", "shares"),
        ("enclave.started", "token"),
        ("root.changed", "rotated custodians"),
        ("enclave.started", "shares"),
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("remove", "passphrase"),
        ("remove", "nobody"),
        ("add-passphrase", "passphrase"),
        ("add-passphrase", "Bad Name"),
        ("add-shares", "s", "--threshold", "4", "--shares", "3"),
        ("rotate", "--shares-file", "/nowhere"),
    ],
)
def test_what_cannot_be_done_changes_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    home, passphrase = tmp_path / "home", tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE)
    assert CliRunner().invoke(main, ["init", str(home), "--passphrase-file", str(passphrase)]).exit_code == 0
    before = (home / "keys" / "root.json").read_bytes()
    added = ("--new-passphrase-file", str(passphrase)) if words[0] == "add-passphrase" else ()
    sandbox(words[0], str(home), *words[1:], *added, "--passphrase-file", str(passphrase), code=2)
    assert (home / "keys" / "root.json").read_bytes() == before
