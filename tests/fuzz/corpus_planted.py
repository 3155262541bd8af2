"""Readers with their defence off, each of which the watch must notice: the controls of the fuzz suite."""

import json
import time
import tomllib
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

import corpus_frames
import corpus_sql
import corpus_texts
import msgpack
import mutations
from watching import SECONDS, Corpus, slowness

from sandbox.plan.canonical import plan_json, read_plan
from sandbox.plan.compile import compile_query
from sandbox.plan.query import Plan
from sandbox.plan.relations import Filter
from sandbox.plan.rewrite import TRUE
from sandbox.terms.refusal import NotAnswerable


def sane() -> Corpus:
    """No control but their control: the same machinery over a reader that keeps the rules finds nothing."""
    return replace(corpus_sql.corpus(), always=())


def foreign() -> Corpus:
    """Descriptions read by the TOML library alone: its exceptions come out."""
    return replace(corpus_texts.descriptions(), read=tomllib.loads, hold=lambda _item, _outcome: None)


def hungry() -> Corpus:
    """Frames unpacked without limits: small values by the million take far more memory than the frame."""

    def read(packed: bytes) -> Any:
        try:
            return msgpack.unpackb(packed, raw=False)
        except (ValueError, msgpack.UnpackException):
            return None

    bomb = b"\x81\xa1a\xdd" + (8 * 2**20).to_bytes(4, "big") + b"\x80" * (8 * 2**20)
    return replace(corpus_frames.frames_to_the_engine(), read=read, always=(bomb,))


def slow() -> Corpus:
    """A reader that takes twice as long as it may, on one input."""

    def read(_text: str) -> None:
        until = time.thread_time() + 2 * SECONDS * slowness()
        while time.thread_time() < until:
            pass

    return Corpus("slow", lambda _chance: "", read, (), ("the slow input",))


def quadratic() -> Corpus:
    """A reader whose time grows with the square of the input: in proportion to its size it would be in time."""

    def read(text: str) -> int:
        return sum(text.startswith("x", place) for place in range(len(text)) for _ in range(len(text) // 8))

    return Corpus("quadratic", lambda _chance: "", read, (), ("x" * 10_000,))


def endless() -> Corpus:
    """Numbers read by the fractions library: "1e999999999" is short to write and endless to compute."""

    def make(chance: Random) -> str:
        return chance.choice(mutations.ODD_NUMBERS)

    return Corpus("endless", make, Fraction, (ValueError, ZeroDivisionError, OverflowError, MemoryError))


def unsound() -> Corpus:
    """A compiler whose plans keep a filter that is always true: not the form that is read back."""

    def read(sql: str) -> Plan:
        plan = compile_query(sql, corpus_sql.DATASETS)
        first, *others = plan.measurements
        return replace(plan, measurements=(replace(first, relation=Filter(first.relation, TRUE)), *others))

    return replace(corpus_sql.corpus(), read=read, always=())


def misleading() -> Corpus:
    """A compiler whose suggestions do not compile."""

    def read(sql: str) -> Plan:
        try:
            return compile_query(sql, corpus_sql.DATASETS)
        except NotAnswerable as refusal:
            refusal.rewrite = refusal.rewrite and refusal.rewrite.replace("select", "selekt")
            raise

    return replace(corpus_sql.corpus(), read=read, always=())


def beyond() -> Corpus:
    """A compiler that forgets which columns may be read: its plans name the withheld one where another was asked for."""

    def read(sql: str) -> Plan:
        text = json.dumps(plan_json(compile_query(sql, corpus_sql.DATASETS)))
        return read_plan(json.loads(text.replace('"city"', '"note"')))

    return replace(corpus_sql.corpus(), read=read, always=())
