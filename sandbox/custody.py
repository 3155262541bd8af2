"""`sandbox root`: who can open the root key of an enclave that is stopped. Every change is an entry of its log first."""

import secrets
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

import click

from sandbox.adapters.home import HomePaths, open_root, read_root_file
from sandbox.adapters.home_lock import only_one
from sandbox.adapters.private_files import write_private
from sandbox.adapters.root_file import (
    PASSPHRASE_LEAST,
    PassphraseLock,
    RootFile,
    RootLock,
    SharesLock,
    TokenLock,
    passphrase_lock,
)
from sandbox.adapters.root_opening import Opening, WithPassphrase, WithShares, WithToken, opened_by
from sandbox.adapters.root_rotation import rotate_root
from sandbox.adapters.root_shares import SHARES_MAX, shares_lock
from sandbox.adapters.root_token import TokenAccess, token_lock
from sandbox.proof.sealing import KEY_BYTES, derive
from sandbox.terms.refusal import HomeNotUsable

_Command = TypeVar("_Command", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path)
_HOME = click.argument("home", type=click.Path(path_type=Path, exists=True, file_okay=False))


def opening_options(command: _Command) -> _Command:
    """Give a command the options that say how the root is opened; it gets them as `opening`."""

    @wraps(command)
    def opened(
        *,
        passphrase_file: str | None,
        shares_file: str | None,
        pkcs11_module: Path | None,
        pin_file: str | None,
        **rest: Any,
    ) -> Any:
        if [passphrase_file, shares_file, pkcs11_module].count(None) < 2:
            raise click.UsageError("Give a passphrase, shares or a token, and only one of them.")
        opening: Opening
        if shares_file is not None:
            opening = WithShares(tuple(line for line in _lines(shares_file) if line.strip()))
        elif pkcs11_module is not None:
            opening = WithToken(TokenAccess(pkcs11_module, _secret(pin_file, "PIN of the token")))
        else:
            opening = WithPassphrase(read_passphrase(passphrase_file, confirm=False))
        return command(opening=opening, **rest)

    for option in (
        click.option("--pin-file", type=click.Path(), help="Where the token's PIN is; - is standard input."),
        click.option("--pkcs11-module", type=_FILE, help="Open the root with a hardware token: its PKCS#11 library."),
        click.option(
            "--shares-file", type=click.Path(), help="Open the root with shares, one a line; - is standard input."
        ),
        click.option("--passphrase-file", type=click.Path(), help="Where the passphrase is; - is standard input."),
    ):
        opened = option(opened)
    return opened  # type: ignore[return-value]


def read_passphrase(source: str | None, *, confirm: bool) -> bytes:
    """The passphrase from a file, standard input ("-"), or a prompt; a trailing newline is not part of it."""
    return _secret(source, "Passphrase of the root key", confirm=confirm).encode("utf-8", "surrogateescape")


@click.group("root")
def root_command() -> None:
    """Who can open an enclave's root key: list, add, remove, rotate. The enclave must be stopped."""


@root_command.command("list")
@_HOME
def list_command(home: Path) -> None:
    """The locks of the root key: name, kind, and what opens them."""
    for lock in read_root_file(home.resolve()).locks:
        facts = lock.facts()
        rest = {name: value for name, value in facts.items() if name not in ("name", "kind")}
        click.echo("\t".join([lock.name, lock.kind, ", ".join(f"{name} {value}" for name, value in rest.items())]))


@root_command.command("add-passphrase")
@_HOME
@click.argument("name")
@click.option("--new-passphrase-file", type=click.Path(), help="Where the new passphrase is.")
@opening_options
def add_passphrase(home: Path, name: str, new_passphrase_file: str | None, opening: Opening) -> None:
    """Let a further passphrase open the root."""
    fresh = _secret(new_passphrase_file, "New passphrase", confirm=True).encode("utf-8", "surrogateescape")
    if len(fresh) < PASSPHRASE_LEAST:
        raise HomeNotUsable(f"The passphrase must have at least {PASSPHRASE_LEAST} characters.")
    _add(home, opening, name, lambda root: passphrase_lock(root, name, fresh))


@root_command.command("add-shares")
@_HOME
@click.argument("name")
@click.option("--threshold", type=click.IntRange(2, SHARES_MAX), default=3, show_default=True, help="How many open it.")
@click.option("--shares", type=click.IntRange(2, SHARES_MAX), default=5, show_default=True, help="How many there are.")
@opening_options
def add_shares(home: Path, name: str, threshold: int, shares: int, opening: Opening) -> None:
    """Let any THRESHOLD of SHARES custodians open the root; the shares are printed once, one a line."""
    if threshold > shares:
        raise click.UsageError("More shares are needed than there are.")
    _add(home, opening, name, lambda root: _shared(root, name, threshold, shares))


@root_command.command("add-token")
@_HOME
@click.argument("name")
@click.option("--token", required=True, help="The label of the token.")
@click.option("--token-module", type=_FILE, required=True, help="The token's PKCS#11 library.")
@click.option("--token-pin-file", type=click.Path(), help="Where the token's PIN is.")
@opening_options
def add_token(
    home: Path, name: str, token: str, token_module: Path, token_pin_file: str | None, opening: Opening
) -> None:
    """Let a key that is made inside a hardware token, and stays there, open the root."""
    access = TokenAccess(token_module, _secret(token_pin_file, "PIN of the token"))
    _add(home, opening, name, lambda root: token_lock(root, name, access, token))


@root_command.command("remove")
@_HOME
@click.argument("name")
@opening_options
def remove(home: Path, name: str, opening: Opening) -> None:
    """Remove a lock that no longer should open the root. Copies of the file keep it: rotate the root after a leak."""
    home = home.resolve()
    with only_one(home):
        root, file = open_root(home, opening), read_root_file(home)
        gone = next((lock for lock in file.locks if lock.name == name), None)
        if gone is None:
            raise HomeNotUsable(f"There is no lock of the name {name}.")
        left = tuple(lock for lock in file.locks if lock is not gone)
        if not left:
            raise HomeNotUsable("This is the only lock: add another one first.")
        _record(home, root, "removed", gone)
        write_private(HomePaths(home).root_key, RootFile(left).to_bytes())
    click.echo(f"The lock {name} is gone from {home}.", err=True)


@root_command.command("rotate")
@_HOME
@opening_options
def rotate(home: Path, opening: Opening) -> None:
    """Make a new root and seal every key under it; data is not touched. The lock that opened is made anew (new shares are
    printed, a token makes a new key); all others are gone, and are added again."""
    home = home.resolve()
    with only_one(home):
        old, file = open_root(home, opening), read_root_file(home)
        fresh = secrets.token_bytes(KEY_BYTES)
        lock = _anew(fresh, opened_by(file, opening), opening)
        _record(home, old, "rotated", lock)
        rotate_root(HomePaths(home).keys, old, fresh, RootFile((lock,)))


def _anew(root: bytes, lock: RootLock, opening: Opening) -> RootLock:
    """A lock like this one for another root."""
    match lock, opening:
        case PassphraseLock(), WithPassphrase(passphrase):
            return passphrase_lock(root, lock.name, passphrase)
        case SharesLock(), _:
            return _shared(root, lock.name, lock.threshold, lock.shares)
        case TokenLock(), WithToken(access):
            return token_lock(root, lock.name, access, lock.token)
        case _:
            raise ValueError("a lock of another kind")


def _shared(root: bytes, name: str, threshold: int, shares: int) -> RootLock:
    """A lock whose shares are handed out before it is put in place: a crash must not leave a root that nobody can open."""
    lock, words = shares_lock(root, name, threshold, shares)
    for share in words:
        click.echo(share)
    sys.stdout.flush()
    click.echo(f"{shares} shares, of which any {threshold} open the root: one a custodian, on paper.", err=True)
    return lock


def _add(home: Path, opening: Opening, name: str, make: Callable[[bytes], RootLock]) -> None:
    home = home.resolve()
    with only_one(home):
        root, file = open_root(home, opening), read_root_file(home)
        if any(lock.name == name for lock in file.locks):
            raise HomeNotUsable(f"There is a lock of the name {name} already.")
        lock = make(root)
        try:
            following = RootFile((*file.locks, lock))
        except ValueError as wrong:
            raise HomeNotUsable(f"This lock cannot be added: {wrong}.") from None
        _record(home, root, "added", lock)
        write_private(HomePaths(home).root_key, following.to_bytes())
    click.echo(f"The lock {name} opens the root of {home} now.", err=True)


def _record(home: Path, root: bytes, change: str, lock: RootLock) -> None:
    """The entry comes first: a change that did not happen may be in the log, never one that is not there."""
    from sandbox.wiring import record_root_change

    record_root_change(home, derive(root, "control"), {"change": change, "lock": lock.facts()})


def _secret(source: str | None, what: str, *, confirm: bool = False) -> str:
    """A line from a file, standard input ("-"), or a prompt; a trailing newline is not part of it."""
    if source is not None:
        return next(_lines(source), "")
    if not sys.stdin.isatty():
        raise click.UsageError(f"There is no terminal to ask in: {what}. Use --passphrase-file or --pin-file.")
    text: str = click.prompt(what, hide_input=True, confirmation_prompt=confirm, err=True)
    return text


def _lines(source: str) -> Iterator[str]:
    """Lines of a file, or of standard input ("-") up to an empty one: what follows there is not ours."""
    if source == "-":
        given = iter(sys.stdin.buffer.readline, b"")
        lines = takewhile(lambda line: line.strip(b"\r\n"), given)
        yield from (line.rstrip(b"\r\n").decode("utf-8", "surrogateescape") for line in lines)
        return
    try:
        content = Path(source).read_bytes()
    except OSError:
        raise click.UsageError(f"The file {source} cannot be read.") from None
    yield from content.rstrip(b"\r\n").decode("utf-8", "surrogateescape").split("\n")
