"""The content of an invoice's pages: every fact turned into text, so that the template decides nothing."""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from babel import Locale
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from invoices.payments.transfer_codes import picture_of_transfer
from invoices.rendering.appendix import MeterText, appendix_pages
from invoices.rendering.formats import Figures
from invoices.rendering.invoice_facts import InvoiceFacts, LineFacts
from invoices.rendering.line_explanation import PriceText, Working, explain_line
from invoices.rendering.parties import LETTER_PAPER, PartyText, party_text
from invoices.rendering.usage_facts import MeterUsage
from invoices.rendering.wallet_facts import WalletStatement
from lib.decimals import exact_sum
from lib.locales import document_locale

# A footer of this size fits the bottom margin of every page; a longer one is printed once, at the end.
MAX_FOOTER_LENGTH, MAX_FOOTER_LINES = 240, 2
DEFAULT_COLOR = "#1f3a5f"
MOST_BRIEF_LINES = 12
"""The most lines that are listed on the first page; its sums and its payment details come first."""

HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
SETTLEMENTS = {"balance": gettext_lazy("Paid from balance"), "paid": gettext_lazy("Paid")}
"""Source of a settled amount → its label."""


@dataclass(frozen=True, slots=True)
class LineText:
    """
    A row of the table. workings: the rows below it. span: its days, if they differ from the invoice's.

    heading: of the section that starts with this row; else empty. group_total: of the group that ends with it.
    """

    description: str
    span: str
    quantity: str
    unit: str
    price: PriceText | None
    tax: str
    amount: str
    workings: tuple[Working, ...]
    heading: str = ""
    group_total: str = ""


@dataclass(frozen=True, slots=True)
class TaxText:
    label: str
    reason: str
    amount: str


@dataclass(frozen=True, slots=True)
class PageContent:
    """
    The texts that the template prints.

    heading: the kind of document. meta: (name, value) pairs below it. reason: of a correction, also among them.
    summary: the total in words. due: label of the last figure.
    mark: that it is a draft, void, or a sandbox invoice.
    created: time of issue, as the file's own date.
    color, accent: of the band and charts; of the heading and the amount due, empty for the text's. logo: as a data:
        URI.
    settled: (label, amount) pairs below the total. terms, payment, bank_details: when and how to pay.
    transfer_code: picture of the transfer's code as a data: URI; empty if there is none.
    note, notes: of this invoice; of all of the seller's.
    footer, closing: the seller's small print: at the foot of every page if it is short, otherwise at the end.
    page: the texts before, between and after the page number and the number of pages.
    """

    language: str
    paper: str
    color: str
    accent: str
    logo: str
    title: str
    created: str
    number: str
    heading: str
    mark: str
    meta: tuple[tuple[str, str], ...]
    seller: PartyText
    buyer: PartyText
    headline: str
    reason: str
    summary: str
    lines: tuple[LineText, ...]
    subtotal: str
    taxes: tuple[TaxText, ...]
    total: str
    settled: tuple[tuple[str, str], ...]
    due: str
    amount_due: str
    note: str
    notes: str
    terms: str
    payment: tuple[tuple[str, str], ...]
    bank_details: str
    transfer_code: str
    footer: str
    closing: str
    page: tuple[str, ...]
    usage: tuple[MeterText, ...]
    wallets: tuple[WalletStatement, ...]

    @property
    def tables(self) -> list[tuple[str, tuple[LineText, ...]]]:
        """The lines by heading; most invoices have one table without a heading."""
        starts = [index for index, line in enumerate(self.lines) if line.heading or not index]
        ends = [*starts[1:], len(self.lines)]
        return [
            (self.lines[start].heading, self.lines[start:end]) for start, end in zip(starts, ends, strict=True)
        ] or [("", ())]

    @property
    def is_brief(self) -> bool:
        """Whether the first page lists the lines, without their workings."""
        return len(self.lines) <= MOST_BRIEF_LINES and not any(line.heading for line in self.lines)

    @property
    def explained_tables(self) -> list[tuple[str, tuple[LineText, ...]]]:
        """The lines that the following pages explain: all, or those with workings if the first page lists all."""
        if not self.is_brief:
            return self.tables
        lines = tuple(line for line in self.lines if line.workings)
        return [("", lines)] if lines else []

    @property
    def printed_meta(self) -> tuple[tuple[str, str], ...]:
        """`meta` without the reason, which is printed at full width."""
        return tuple((name, value) for name, value in self.meta if value != self.reason)


def compose(
    facts: InvoiceFacts, usage: Sequence[MeterUsage] = (), wallets: Sequence[WalletStatement] = ()
) -> PageContent:
    """
    Return an invoice as text in its buyer's language. Pure: equal facts give equal content.

    usage, wallets: content of the appendix.
    """
    locale = document_locale(facts.locale)
    with translation.override(locale.language):
        return _compose(facts, usage, wallets, Figures(locale, facts.currency, ZoneInfo(facts.time_zone or "UTC")))


def _compose(
    facts: InvoiceFacts, usage: Sequence[MeterUsage], wallets: Sequence[WalletStatement], figures: Figures
) -> PageContent:
    locale = figures.locale
    first, last = figures.days(facts.period_start, facts.period_end)
    number = facts.number or _("Draft")
    heading = _("Credit note") if facts.is_credit_note else _("Invoice")
    return PageContent(
        language=str(locale).replace("_", "-"),
        paper=facts.branding.paper or ("letter" if facts.seller.country in LETTER_PAPER else "a4"),
        color=facts.brand_color if HEX_COLOR.fullmatch(facts.brand_color) else DEFAULT_COLOR,
        accent=facts.branding.accent_color if HEX_COLOR.fullmatch(facts.branding.accent_color) else "",
        logo=picture_address(facts.branding.logo),
        title=f"{heading} {number}",
        created=facts.dated_at.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ"),
        number=number,
        heading=heading,
        mark=_mark(facts),
        meta=_meta(facts, figures),
        seller=_seller(facts, locale),
        buyer=party_text(facts.buyer, locale),
        headline=_headline(facts, figures),
        reason=facts.reason,
        summary=facts.summary,
        lines=_lines(facts, figures),
        subtotal=figures.money(facts.net),
        taxes=_taxes(facts, figures),
        total=figures.money(facts.total),
        settled=tuple(
            (str(SETTLEMENTS[settled_amount.source]), figures.money(-settled_amount.amount))
            for settled_amount in facts.settled
        ),
        due=_("Amount credited") if facts.is_credit_note else _("Amount due"),
        amount_due=figures.money(facts.due),
        note=facts.note,
        notes=facts.branding.notes,
        terms="" if facts.is_credit_note else facts.branding.payment_terms,
        payment=() if facts.is_credit_note else _payment(facts, figures),
        bank_details="" if facts.is_credit_note else facts.bank_details,
        transfer_code="" if facts.is_credit_note or facts.state == "draft" else _transfer_code(facts),
        footer=facts.footer if _is_short(facts.footer) else "",
        closing="" if _is_short(facts.footer) else facts.footer,
        page=page_label(),
        usage=appendix_pages(usage, first=first, last=last, figures=figures),
        wallets=tuple(wallets),
    )


def page_label() -> tuple[str, ...]:
    """Return the texts before, between and after the page number and the number of pages."""
    return tuple((_("Page %(page)s of %(pages)s") % {"page": "\n", "pages": "\n"}).split("\n"))


def _seller(facts: InvoiceFacts, locale: Locale) -> PartyText:
    seller, number = party_text(facts.seller, locale), facts.branding.company_number
    if not number:
        return seller
    return replace(seller, lines=(*seller.lines, _("Company number %(number)s") % {"number": number}))


def picture_address(content: bytes) -> str:
    """Return a PNG as a data URI; empty if there is none."""
    return f"data:image/png;base64,{b64encode(content).decode()}" if content else ""


def _transfer_code(facts: InvoiceFacts) -> str:
    look = facts.branding
    picture = picture_of_transfer(
        holder=look.account_holder or facts.seller.legal_name,
        iban=look.iban,
        bic=look.bic,
        amount=facts.due,
        currency=facts.currency,
        reference=facts.number,
    )
    return picture_address(picture)


def _payment(facts: InvoiceFacts, figures: Figures) -> tuple[tuple[str, str], ...]:
    """Return the account to pay to, in groups of four as on a bank's forms, and the payment reference."""
    look = facts.branding
    if not look.iban:
        return ()
    pairs = (
        (_("Account holder"), look.account_holder or facts.seller.legal_name),
        ("IBAN", " ".join(look.iban[index : index + 4] for index in range(0, len(look.iban), 4))),
        ("BIC", look.bic),
        (_("Amount"), figures.money(facts.due) if facts.due else ""),
        (_("Reference"), facts.number),
    )
    return tuple((name, value) for name, value in pairs if value)


def _mark(facts: InvoiceFacts) -> str:
    marks = {_("Draft"): facts.state == "draft", _("Void"): facts.state == "void", _("Sandbox"): facts.sandbox}
    return " · ".join(mark for mark, applies in marks.items() if applies)


def _meta(facts: InvoiceFacts, figures: Figures) -> tuple[tuple[str, str], ...]:
    is_note = facts.is_credit_note
    corrected = ""
    if facts.corrects:
        number, day = facts.corrects
        corrected = _("%(number)s of %(date)s") % {"number": number, "date": figures.day(day)}
    pairs = (
        (_("Credit note number") if is_note else _("Invoice number"), facts.number),
        (_("Corrects invoice") if is_note else _("Replaces invoice"), corrected),
        (_("Reason"), facts.reason),
        (_("Date of issue"), figures.day(facts.issue_date) if facts.issue_date else ""),
        (_("Due date"), figures.day(facts.due_date) if facts.due_date and not is_note else ""),
        (_("Service period"), figures.days_text(facts.period_start, facts.period_end)),
        (_("Purchase order"), facts.purchase_order),
    )
    return tuple((name, value) for name, value in pairs if value)


def _headline(facts: InvoiceFacts, figures: Figures) -> str:
    amount = figures.money(facts.due)
    if facts.is_credit_note:
        return _("%(amount)s credited") % {"amount": amount}
    if not facts.due:
        return _("Nothing to pay")
    if not facts.due_date:
        return amount
    return _("%(amount)s due %(date)s") % {"amount": amount, "date": figures.day(facts.due_date)}


def _lines(facts: InvoiceFacts, figures: Figures) -> tuple[LineText, ...]:
    sections = [line.section for line in facts.lines]
    texts = []
    for line, previous, following in zip(facts.lines, ["", *sections], [*sections[1:], ""], strict=False):
        heading = "" if line.section == previous else line.section
        text = _line(line, facts, figures, heading=heading)
        # Sections of consolidated invoices have no subtotal; groups of one-off invoices do.
        if line.section and line.section == line.explanation.get("group") and line.section != following:
            total = exact_sum(other.amount for other in facts.lines if other.section == line.section)
            text = replace(text, group_total=figures.money(total))
        texts.append(text)
    return tuple(texts)


def _line(line: LineFacts, facts: InvoiceFacts, figures: Figures, *, heading: str) -> LineText:
    own_days = (line.service_start, line.service_end) != (facts.period_start, facts.period_end)
    line_workings = explain_line(line, figures=figures)
    return LineText(
        description=line.description,
        span=figures.days_text(line.service_start, line.service_end) if own_days else "",
        quantity=figures.quantity(line.quantity),
        unit=figures.unit(line.quantity, line.unit),
        price=line_workings.price,
        tax=figures.percent(line.tax_rate),
        amount=figures.money(line.amount),
        workings=line_workings.rows,
        heading=heading,
    )


def _is_short(footer: str) -> bool:
    return len(footer) <= MAX_FOOTER_LENGTH and footer.count("\n") < MAX_FOOTER_LINES


def _taxes(facts: InvoiceFacts, figures: Figures) -> tuple[TaxText, ...]:
    return tuple(
        TaxText(
            label=_("%(tax)s %(rate)s on %(amount)s")
            % {
                "tax": _in_language(tax.name),
                "rate": figures.percent(tax.rate),
                "amount": figures.money(tax.taxable),
            },
            reason=_in_language(tax.reason),
            amount=figures.money(tax.amount),
        )
        for tax in facts.taxes
    )


def _in_language(text: str) -> str:
    """Return one of Tollbook's own texts in the active language; the seller's own stay as they are."""
    return _(text) if text else ""
