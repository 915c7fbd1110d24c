"""Convert the facts of an invoice into the terms of EN 16931, or report why that is impossible."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import Locale
from django.utils.translation import gettext as _

from invoices.rendering.einvoice.categories import EXPORT, OUTSIDE, REVERSE, are_compatible, find_category, vat_id
from invoices.rendering.einvoice.line_items import einvoice_line
from invoices.rendering.einvoice.model import (
    CREDIT_NOTE,
    INVOICE,
    Days,
    DocumentAllowance,
    EInvoice,
    EInvoiceImpossible,
    EInvoiceLine,
    EInvoiceParty,
    PaymentInstructions,
    TaxCategory,
    TaxTotal,
)
from invoices.rendering.formats import Figures
from invoices.rendering.invoice_facts import InvoiceFacts, LineFacts, PartyDetails
from invoices.rendering.page_content import PageContent, compose
from lib.currencies import WITHDRAWN
from lib.decimals import ZERO
from lib.money import minor_unit

CENT = Decimal("0.01")
SEPA, TRANSFER = "58", "30"
NO_COUNTRIES = frozenset(["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"])
"""Two-letter codes that Babel names but ISO 3166 doesn't assign."""


def to_einvoice(facts: InvoiceFacts) -> EInvoice:
    """
    Return an invoice in the terms of EN 16931.

    :raises EInvoiceImpossible: if the standard can't express it; each reason names the fact at fault.
    """
    categories = _categories(facts)
    if problems := list(_problems(facts, categories)):
        raise EInvoiceImpossible(problems)
    document = compose(facts)
    category_by_rate = {tax.rate: category for tax, category in zip(facts.taxes, categories, strict=True)}
    lines = _lines(facts, document, category_by_rate)
    allowances = tuple(
        DocumentAllowance(-line.amount, line.description, category_by_rate[line.tax_rate])
        for line in facts.lines
        if _is_discount(line)
    )
    line_total = sum((line.amount for line in lines), ZERO)
    return EInvoice(
        type_code=CREDIT_NOTE if facts.is_credit_note else INVOICE,
        number=facts.number,
        issued=facts.issue_date or facts.dated_at.date(),
        currency=facts.currency,
        notes=_notes(facts, document),
        seller=_seller(facts, categories),
        buyer=EInvoiceParty(facts.buyer, "" if _is_out_of_scope(categories) else vat_id(facts.buyer)),
        days=_days(facts, facts.period_start, facts.period_end),
        purchase_order=facts.purchase_order,
        preceding=facts.corrects,
        due_date=None if facts.is_credit_note else facts.due_date,
        terms=document.headline if facts.is_credit_note else facts.branding.payment_terms,
        payment=_payment(facts),
        lines=lines,
        allowances=allowances,
        taxes=_taxes(facts, categories),
        line_total=line_total,
        allowance_total=sum((allowance.amount for allowance in allowances), ZERO),
        net=facts.net,
        tax=facts.tax,
        total=facts.total,
        prepaid=facts.total - facts.due,
        due=facts.due,
    )


def _is_discount(line: LineFacts) -> bool:
    return line.kind == "coupon" and line.amount < 0


def _categories(facts: InvoiceFacts) -> tuple[TaxCategory, ...]:
    return tuple(find_category(tax, facts) for tax in facts.taxes)


def _is_out_of_scope(categories: Iterable[TaxCategory]) -> bool:
    return any(category.code == OUTSIDE for category in categories)


def _lines(
    facts: InvoiceFacts, document: PageContent, category_by_rate: dict[Decimal, TaxCategory]
) -> tuple[EInvoiceLine, ...]:
    line_pairs = zip(facts.lines, document.lines, strict=True)
    billed_lines = [(line, text) for line, text in line_pairs if not _is_discount(line)]
    return tuple(
        einvoice_line(
            line,
            text,
            number=number,
            category=category_by_rate[line.tax_rate],
            days=_days(facts, line.service_start, line.service_end),
            currency=facts.currency,
        )
        for number, (line, text) in enumerate(billed_lines, start=1)
    )


def _days(facts: InvoiceFacts, start: datetime, end: datetime) -> Days:
    return Figures(Locale("en"), facts.currency, ZoneInfo(facts.time_zone or "UTC")).days(start, end)


def _notes(facts: InvoiceFacts, document: PageContent) -> tuple[str, ...]:
    return tuple(
        note for note in (document.mark, facts.reason, facts.note, facts.branding.notes, facts.footer) if note
    )


def _seller(facts: InvoiceFacts, categories: Sequence[TaxCategory]) -> EInvoiceParty:
    number = vat_id(facts.seller)
    side = EInvoiceParty(
        facts.seller, number, "" if number else facts.seller.tax_number, facts.branding.company_number
    )
    return replace(side, vat_id="", tax_id="") if _is_out_of_scope(categories) else side


def _payment(facts: InvoiceFacts) -> PaymentInstructions | None:
    branding = facts.branding
    if facts.is_credit_note or not branding.iban:
        return None
    means = SEPA if facts.currency == "EUR" else TRANSFER
    return PaymentInstructions(
        means, facts.number, branding.iban, branding.account_holder or facts.seller.legal_name, branding.bic
    )


def _taxes(facts: InvoiceFacts, categories: Sequence[TaxCategory]) -> tuple[TaxTotal, ...]:
    """Return the taxes by category and rate; reasons of one category are joined."""
    totals: dict[tuple[str, Decimal], TaxTotal] = {}
    for tax, category in zip(facts.taxes, categories, strict=True):
        key = category.code, category.rate
        if tax_total := totals.get(key):
            reasons = "; ".join(dict.fromkeys(filter(None, (tax_total.category.reason, category.reason))))
            category = replace(category, reason=reasons)  # noqa: PLW2901
            totals[key] = TaxTotal(category, tax_total.taxable + tax.taxable, tax_total.amount + tax.amount)
        else:
            totals[key] = TaxTotal(category, tax.taxable, tax.amount)
    return tuple(totals.values())


def _problems(facts: InvoiceFacts, categories: Sequence[TaxCategory]) -> Iterable[str]:
    if not facts.number:
        yield _("A draft has no number. Issue it first.")
    currency = {"currency": facts.currency}
    if minor_unit(facts.currency) < CENT:
        yield _("%(currency)s has more than two decimal places, which the standard doesn't allow.") % currency
    if facts.currency in WITHDRAWN:
        yield _("%(currency)s is no longer in use. The standard allows current currencies only.") % currency
    if not all(_is_legible(line.description) for line in facts.lines):
        yield _("A line's description has no visible character. Credit the invoice and issue it again.")
    yield from _problems_of_taxes(facts, categories)
    if not _is_legible(facts.seller.legal_name):
        yield _("The seller's legal name has no visible character. Correct it on the seller's page.")
    if not _is_legible(facts.buyer.legal_name):
        yield _("The customer's legal name has no visible character. Correct it on the customer's page.")
    if not _has_a_country(facts.seller):
        text = _("The seller's country “%(country)s” is not an ISO 3166 code. Correct it on the seller's page.")
        yield text % {"country": facts.seller.country}
    if not _has_a_country(facts.buyer):
        text = _("The customer's country “%(country)s” is not an ISO 3166 code. Correct it on the customer's page.")
        yield text % {"country": facts.buyer.country}
    yield from _problems_of_ids(facts, {category.code for category in categories})


def _problems_of_taxes(facts: InvoiceFacts, categories: Sequence[TaxCategory]) -> Iterable[str]:
    if sum((tax.taxable for tax in facts.taxes), ZERO) != facts.net:
        yield _("A line has several taxes. The standard allows one per line; bill such lines on separate invoices.")
    codes = {(tax.rate, category.code) for tax, category in zip(facts.taxes, categories, strict=True)}
    if len(codes) != len({rate for rate, _code in codes}):
        yield _("Lines with the same rate have different tax categories. Bill them on separate invoices.")
    if not are_compatible(categories):
        yield _("Lines outside the scope of tax can't be combined with other lines. Bill them on separate invoices.")
    if unknown := {line.tax_rate for line in facts.lines} - {tax.rate for tax in facts.taxes}:
        yield _("A line is taxed at %(rate)s%%, but the invoice has no such tax.") % {"rate": f"{min(unknown):f}"}


def _problems_of_ids(facts: InvoiceFacts, codes: set[str]) -> Iterable[str]:
    seller, company = facts.seller, facts.branding.company_number
    if codes & {EXPORT, REVERSE} and not vat_id(seller):
        yield _("Exports and reverse charge require the seller's VAT ID. Enter it on the seller's page.")
    elif OUTSIDE not in codes and not seller.tax_number:
        yield _("The seller has no VAT ID or tax number. Enter it on the seller's page.")
    if REVERSE in codes and not vat_id(facts.buyer):
        yield _("Reverse charge requires the customer's VAT ID. Enter it on the customer's page.")
    if not company and (OUTSIDE in codes or not vat_id(seller)):
        yield _("A seller without a VAT ID needs a company number. Enter it on the seller's page.")


def _is_legible(text: str) -> bool:
    return any(character.isprintable() and not character.isspace() for character in text)


def _has_a_country(party: PartyDetails) -> bool:
    return len(party.country) == 2 and party.country in Locale("en").territories.keys() - NO_COUNTRIES
