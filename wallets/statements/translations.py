"""The words of a statement, one file per language beside this one."""

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "words"


@dataclass(frozen=True, slots=True)
class StatementWords:
    """Every text of a statement that is not a fact."""

    statement: str
    wallet: str
    span: str
    unit: str
    opening: str
    closing: str
    credit: str
    credits: str
    by_hand: str
    granted: dict[str, str]
    used: str
    expired: str
    rolled_over: str
    repaid: str
    paid: str
    refunded: str
    voided: str
    transferred_in: str
    transferred_out: str
    what: str
    moved: str
    stays: str
    not_an_invoice: str


@cache
def words_in(language: str) -> StatementWords:
    """:raises KeyError: if the language's file lacks a text."""
    told = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return StatementWords(**{one.name: told[one.name] for one in fields(StatementWords)})
