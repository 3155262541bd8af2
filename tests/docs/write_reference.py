"""The generated pages of the reference. Run this file to write them: python tests/docs/write_reference.py"""

from collections.abc import Iterator
from pathlib import Path

import click

from sandbox.faces.cli.main import main
from sandbox.plan.functions import casts, conditionals, moments, numbers, texts
from sandbox.plan.functions.entry import Function
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import catalogue

REFERENCE = Path(__file__).parents[2] / "sandbox" / "docs" / "reference"
WIDTH = 100


def problems() -> str:
    """Every way to say no, by its code."""
    lines = [
        "# Problems",
        "",
        "Every refusal and failure has one code, the same over HTTP (RFC 9457, field `code`), in Python (a class of",
        "`sandbox.terms.refusal`) and on the command line (with its exit code). A refusal depends on the request and on",
        "public metadata alone, comes before any data is touched, and spends nothing. A `fault` or",
        "`measurement-forfeited` is the enclave's own failure: what was reserved stays spent.",
        "",
        "每个拒绝或故障都有一个代码，在 HTTP、Python 与命令行中相同。拒绝只取决于请求与公开元信息，发生在接触数据之前，不消耗预算。",
        "",
        "This page is made from the code by `python tests/docs/write_reference.py`.",
    ]
    for kind in catalogue():
        lines += [
            "",
            f"## {kind.code}",
            "",
            f"`{kind.__name__}` · HTTP {kind.status} · exit code {kind.exit_code}",
            "",
            f"{kind.title} {kind.advice}",
            "",
            f"{kind.title_zh}{kind.advice_zh}",
        ]
    return "\n".join(lines) + "\n"


def cli() -> str:
    """Every command's own help."""
    lines = [
        "# The command line",
        "",
        "`sandbox <noun> <verb>`. Data goes to stdout: a table on a terminal, TSV without a header in a pipe (every digit,",
        "times to the microsecond), or JSON with `--json`. Talk goes to stderr, in English or, with `--lang zh` or a Chinese",
        "locale, in Chinese. A table that does not fit the terminal becomes one list of facts a row.",
        "",
        "| exit code | meaning |",
        "|---|---|",
        "| 0 | done |",
        "| 1 | a fault of the enclave or of the client |",
        "| 2 | a command, file or description is wrong |",
        "| 3 | not permitted, or not there for you |",
        "| 4 | not signed in, or a wrong passphrase |",
        "| 5 | the budget does not cover it |",
        "| 6 | not now |",
        "| 7 | the query cannot be answered |",
        "| 8 | a proof does not hold |",
        "",
        "`SANDBOX_URL` and `SANDBOX_TOKEN` go before the sign-in that `sandbox login` saved (in `$XDG_CONFIG_HOME/sandbox`,",
        "readable by you alone). `NO_COLOR` and `TERM=dumb` are obeyed. [Problems](problems.md) lists every refusal.",
        "",
        "This page is made from the code by `python tests/docs/write_reference.py`.",
    ]
    for path, command in commands():
        lines += ["", f"## {path}", "", "```text", command.get_help(context(path, command)), "```"]
    return "\n".join(lines) + "\n"


def context(path: str, command: click.Command) -> click.Context:
    """The command's context as `sandbox` makes it."""
    return click.Context(
        command,
        info_name=path,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=main.context_settings["help_option_names"],
    )


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by the words one types."""
    root = click.Context(main, info_name="sandbox")
    for name in main.list_commands(root):
        command = main.get_command(root, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"sandbox {name} {verb}", command.commands[verb]) for verb in command.commands)
        else:
            yield f"sandbox {name}", command


FAMILIES = (
    ("Numbers", numbers.ENTRIES),
    ("Texts", texts.ENTRIES),
    ("Dates and times", moments.ENTRIES),
    ("Choices", conditionals.ENTRIES),
    ("Casts", casts.ENTRIES),
)
BEGIN = "<!-- functions: made from the code by python tests/docs/write_reference.py -->"
END = "<!-- end of functions -->"


def functions() -> str:
    """Every function of the table, by family: how it is written, what it gives, what it means."""
    lines = []
    for family, entries in FAMILIES:
        lines += [f"**{family}**", "", "| Function | Gives | Meaning |", "|---|---|---|"]
        lines += [f"| {written(entry)} | {given(entry)} | {entry.words}{chosen(entry)} |" for entry in entries]
        lines.append("")
    return "\n".join(lines)


def written(entry: Function) -> str:
    """The call and its other spellings, as SQL text."""
    names = [item.name for item in entry.parameters]
    names = [*names[: entry.fewest], *(f"[{name}]" for name in names[entry.fewest :])]
    names += ["…"] if entry.largest > len(entry.parameters) else []
    spelled = [spelling(name, names, entry) for name in entry.sql]
    return ", ".join(f"`{text}`".replace("|", "\\|") for text in dict.fromkeys(spelled))


def chosen(entry: Function) -> str:
    """The words that a constant argument may be."""
    choices = [f"`{item.name}` is {', '.join(item.choices)}" for item in entry.parameters if item.choices]
    return "; " + "; ".join(choices) if choices else ""


def spelling(name: str, names: list[str], entry: Function) -> str:
    """One way to write a call."""
    if name in ("cast", "try_cast"):
        return f"{name}({names[0]} as {given(entry)})"
    if name == "extract":
        return f"extract(part from {names[1]})" if len(names) > 1 else f"extract(epoch from {names[0]})"
    if name in ("+", "-") and len(names) == 3:
        return f"{names[0]} {name} interval ({names[1]}) {names[2]}"
    if name == "date_add":
        return f"date_add({names[0]}, interval ({names[1]}) {names[2]})"
    if name in ("like", "ilike"):
        return f"{names[0]} {name} {names[1]}"
    if not name.replace("_", "").isalnum():
        return f"{names[0]} {name} {names[1]}"
    return f"{name}({', '.join(names)})"


def given(entry: Function) -> str:
    """The types of the results."""
    found = []
    for kind in Type:
        kinds = [kind if kind in parameter.types else min(parameter.types) for parameter in entry.parameters]
        if not kinds or kind in entry.parameters[0].types:
            found.append(entry.result(tuple(kinds[: max(entry.fewest, 1)])) or entry.result(tuple(kinds)))
    return " or ".join(dict.fromkeys(kind.value for kind in found if kind is not None))


def sql() -> str:
    """The reference of the language: written by hand, but for its table of functions."""
    text = (REFERENCE / "sql.md").read_text("utf-8")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{functions()}\n{END}{rest.split(END)[1]}"


PAGES = {"problems.md": problems, "cli.md": cli, "sql.md": sql}

if __name__ == "__main__":
    for page, text in PAGES.items():
        (REFERENCE / page).write_text(text(), "utf-8")
