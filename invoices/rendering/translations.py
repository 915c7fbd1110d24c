"""The words of an invoice, one file per language next to this one."""

import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from babel import Locale, UnknownLocaleError

FOLDER = Path(__file__).parent / "words"
LANGUAGES = frozenset(file.stem for file in FOLDER.glob("*.toml"))
WORLD_ENGLISH = "en_001"  # English without a country: 15 November 2026


@dataclass(frozen=True, slots=True)
class Words:
    """All fixed texts of an invoice. Placeholders in braces are filled in when it is printed."""

    invoice: str
    credit_note: str
    number: str
    credit_note_number: str
    corrects: str
    replaces: str
    corrected: str
    reason: str
    issued: str
    due: str
    period: str
    purchase_order: str
    seller: str
    buyer: str
    vat_number: str
    tax_number: str
    company_number: str
    amount_due_on: str
    nothing_due: str
    amount_credited: str
    description: str
    quantity: str
    unit_price: str
    tax: str
    amount: str
    included: str
    free: str
    units: str
    units_above: str
    billed_units: str
    billed_above: str
    beyond_included: str
    every_unit: str
    all_units: str
    all_units_above: str
    packages: str
    flat_fee: str
    per: str
    billed_before: str
    comes_to_now: str
    given_before: str
    promised: str
    counted: str
    refused: str
    not_charged: str
    from_wallet: str
    sum: str
    rounded: str
    subtotal: str
    tax_on: str
    total: str
    settled_balance: str
    settled_paid: str
    amount_due: str
    total_credited: str
    note: str
    payment: str
    account_holder: str
    payment_reference: str
    page: str
    usage: str
    usage_by_day: str
    usage_by_month: str
    chart: str
    no_value: str
    others: str
    arrived_later: str
    draft: str
    void: str
    sandbox: str


@cache
def load_words(language: str) -> Words:
    """
    Return the texts in a language.

    :raises TypeError: if the language's file lacks a text or has an unknown one.
    """
    return Words(**tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8")))


@lru_cache(maxsize=256)
def words_for(name: str) -> tuple[Words, Locale]:
    """
    Return the words and the locale for a customer whose locale is `name`, such as de_AT.

    Words and formats never mix two languages: a customer whose language has no words here gets English ones, with the
    number format of their own country if English has it (hi_IN → en_IN, ja_JP → en_001).
    """
    normalized_name = name.replace("-", "_")
    language, _, subtags = normalized_name.partition("_")
    language = language.lower()
    territory = subtags.rpartition("_")[2]
    available_language = language if language in LANGUAGES else "en"
    for candidate in (
        f"{available_language}_{territory}",
        WORLD_ENGLISH if available_language == "en" else available_language,
    ):
        try:
            return load_words(available_language), Locale.parse(candidate)
        except (UnknownLocaleError, ValueError):
            continue
    raise AssertionError(f"Babel knows no locale {available_language}")
