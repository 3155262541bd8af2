"""TOML texts: descriptions of datasets and review profiles. Only DescriptionInvalid comes out, with a line of the text."""

import re
from random import Random
from typing import Any

import mutations
from plan_examples import CLINIC_TEXT, OTHER_TEXT
from tests_support import CLINIC
from watching import Corpus

from policies.bundle import profiles
from sandbox.review.profile import parse_profile
from sandbox.terms.dataset import Dataset
from sandbox.terms.description import parse_description
from sandbox.terms.refusal import DescriptionInvalid
from sandbox.terms.toml_reader import SIZE_MAX
from workers.schema import schema_digest, stored_columns

WORDS = tuple(
    re.findall(
        r"\S+",
        r"""[ ] [[ ]] { } = , . " ' \"\"\" ''' # \u0000 \U0010FFFF true false inf nan 1979-05-27 07:32:00 type "int" role keys bounds
        granularity max_length unit rows_max max_rows_per_unit max_groups_per_unit columns dataset unit_spaces tables budget
        epsilon delta accounting "zcdp" "pure" buckets "core" "important" name title steward grade votes sample_rate
        hold_share hold_cells need_required need_min_length hold_epsilon""",
    )
)
KIB = 2**10
BOMBS = (
    "a.",
    "[",
    "[[",
    "{a=",
    "a=[",
    "x" * (64 * KIB),
    '"' * (64 * KIB),
    "'" * (64 * KIB),
    "=" * (64 * KIB),
    "#" * (64 * KIB),
    "\n" * (64 * KIB),
    "\\" * (64 * KIB),
    "a" + ".a" * (32 * KIB) + "=1",
    "a" + ". a" * (16 * KIB) + "=1",
    '"a"' + '."a"' * (16 * KIB) + "=1",
    "[" + "a." * (32 * KIB) + "a]",
    "a=" + "[" * (64 * KIB),
    "a=" + "[" * 900 + "]" * 900,
    "a=" + "{b=" * (16 * KIB),
    "a=" + "9" * (64 * KIB),
    "a=0x" + "f" * (64 * KIB),
    "a=1e" + "9" * 300,
    "a=" + "1_" * (32 * KIB) + "1",
    'a="""' + '"' * (64 * KIB),
    'a="' + "\\u0041" * (10 * KIB) + '"',
    'a="' + "\\\n" * (32 * KIB) + '"',
    "[a]\n" * (16 * KIB),
    "[[a]]\n" * (16 * KIB),
    "".join(f"k{number} = {number}\n" for number in range(5_000)),
    "".join(f"[t{number}]\na.b.c = 1\n" for number in range(3_000)),
    "".join(f"a.k{number} = 1\n" for number in range(5_000)),
    "".join(f"[{'.'.join(['a'] * 16)}.k{number}]\n" for number in range(1_000)),
    "a = [" + "1," * (32 * KIB) + "]",
    "a = {" + ",".join(f"k{number}=1" for number in range(8_000)) + "}",
    CLINIC_TEXT + "".join(f"c{number} = {{ type = 'int' }}\n" for number in range(1_500)),
    CLINIC_TEXT.replace('"M", "F"', ", ".join(f'"k{number}"' for number in range(8_000))),
    CLINIC_TEXT.replace("[3, 1, 2]", str(list(range(10_000)))),
    CLINIC_TEXT + "#" * (SIZE_MAX - len(CLINIC_TEXT)),
    CLINIC_TEXT + "#" * SIZE_MAX,
    "".join(f"k{number} = [{number}, {number}]\n" for number in range(45_000)),
    CLINIC_TEXT.replace("clinic", "\udcff"),
    "\ud800",
)


def make(seeds: tuple[str, ...]) -> Any:
    """A text with slips; one in eight is made of words alone."""

    def draw(chance: Random) -> str:
        if chance.randrange(8) == 0:
            return chance.choice(" \n").join(chance.choices(WORDS, k=chance.randint(1, 60)))
        text = chance.choice(seeds)
        if chance.randrange(4) == 0:
            lines = text.split("\n")
            first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
            lines[first], lines[second] = lines[second], lines[first]
            text = "\n".join(lines)
        if chance.randrange(6) == 0:
            return mutations.mutated_bytes(chance, text.encode("utf-8", "replace")).decode("utf-8", "replace")
        return mutations.mutated_text(chance, text, WORDS, seeds)

    return draw


def check(text: str, outcome: Any) -> None:
    """A refusal names a line of the text; a dataset can be stored."""
    if isinstance(outcome, DescriptionInvalid):
        assert 1 <= int(outcome.facts["line"]) <= text.count("\n") + 1, "the line of the refusal"
        assert len(outcome.detail) < 3_000, "a refusal that repeats the text"
    elif isinstance(outcome, Dataset):
        schema_digest(outcome)
        for table in outcome.tables:
            stored_columns(table)


def descriptions() -> Corpus:
    seeds = (CLINIC_TEXT, OTHER_TEXT[:700], CLINIC)
    bombs = (*BOMBS, *(bomb * (16 * KIB) for bomb in BOMBS[:5]))
    return Corpus("descriptions", make(seeds), parse_description, (DescriptionInvalid,), bombs, check)


def review_profiles() -> Corpus:
    seeds = tuple(profiles().values())
    return Corpus("review profiles", make(seeds), parse_profile, (DescriptionInvalid,), BOMBS, check)
