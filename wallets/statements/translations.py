"""The texts of a statement, one file per language next to this one."""

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "words"


@dataclass(frozen=True, slots=True)
class StatementWords:
    """All fixed texts of a statement."""

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
    movement: str
    moved: str
    stays: str
    not_an_invoice: str


@cache
def words_in(language: str) -> StatementWords:
    """
    Return the texts in a language.

    :raises KeyError: if the language's file lacks a text.
    """
    texts = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return StatementWords(**{text_field.name: texts[text_field.name] for text_field in fields(StatementWords)})
