"""`sandbox`: the entry point. Every noun is its own module, imported when it is called."""

import sys
from io import TextIOWrapper

import click

from sandbox.faces.cli.lazy import LazyGroup
from sandbox.terms.version import VERSION

_HERE = "sandbox.faces.cli"
_PLACES = {
    "login": (f"{_HERE}.login", "login", "Sign in to an enclave.", ""),
    "key": (f"{_HERE}.key", "key", "Your keys: register, show.", ""),
    "catalogue": (f"{_HERE}.catalogue", "catalogue", "What a grant can be requested for: list, view.", ""),
    "dataset": (f"{_HERE}.dataset", "dataset", "Datasets: list, view, register, load.", ""),
    "grant": (f"{_HERE}.grant", "grant", "Grants: request, approve, decline, list, view, revoke.", ""),
    "query": (f"{_HERE}.query", "query", "Queries: check, run, list, show, withdraw.", ""),
    "review": (f"{_HERE}.review", "review", "Held releases: list, view, approve, reject.", ""),
    "release": (f"{_HERE}.release", "release", "What left: show, open, verify offline.", ""),
    "budget": (f"{_HERE}.budget", "budget", "What may still be spent.", ""),
    "person": (f"{_HERE}.person", "person", "People: enrol, whoami.", ""),
    "policy": (f"{_HERE}.policy", "policy", "The policies: test, explain.", ""),
    "freeze": (f"{_HERE}.freeze", "freeze", "Stop a person, grant or dataset at once; list.", ""),
    "unfreeze": (f"{_HERE}.freeze", "unfreeze", "Lift a freeze, with another officer.", ""),
    "audit": (f"{_HERE}.audit", "audit", "The log: search, show, export, verify offline, prove.", ""),
    "init": ("sandbox.serve", "init_command", "Make the home of a new enclave.", "enclave"),
    "serve": ("sandbox.serve", "serve_command", "Run an enclave.", "enclave"),
    "root": (
        "sandbox.custody",
        "root_command",
        "Who can open an enclave's root key: list, add, remove, rotate.",
        "enclave",
    ),
    "demo": ("sandbox.demo", "demo_command", "Show the whole line on real data, in a minute.", "demo"),
}


@click.group(cls=LazyGroup, places=_PLACES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="sandbox")
def main() -> None:
    """Private answers from encrypted data, with proof of what left.

    Data goes to stdout (tables on a terminal, TSV without header in a pipe, --json), talk to stderr. Exit codes: 0 done,
    1 fault, 2 usage, 3 not permitted, 4 not signed in, 5 not affordable, 6 not now, 7 not answerable, 8 proof failed.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main(prog_name="sandbox")
