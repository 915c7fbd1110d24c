"""The top of an invoice's page: what is due and since when, and what comes next."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from customers.customer_time import loaded_current_time
from invoices.models import DocumentKind, Invoice
from invoices.models.invoices import OPEN_INVOICES, InvoiceState
from lib.admin.headline import HeaderFigure
from lib.admin.timeline import Timeline
from lib.formats import format_money


@dataclass(frozen=True, slots=True)
class InvoiceHeadline:
    """
    amount: the amount that matters, in words. state: the state in words, and its color. sentence: the rest.
    """

    amount: str
    state: str
    color: str
    sentence: str
    figures: tuple[HeaderFigure, ...]


def days_past_due(invoice: Invoice, *, now: datetime) -> int:
    """Return the days since the due date, by the seller's calendar; 0 if nothing is past due."""
    if invoice.state not in OPEN_INVOICES or not invoice.due or invoice.due_date is None:
        return 0
    return max((_today(invoice, now) - invoice.due_date).days, 0)


def _today(invoice: Invoice, now: datetime) -> date:
    moment = loaded_current_time(invoice.customer, now=now)
    return moment.astimezone(ZoneInfo(invoice.seller.time_zone)).date()


def make_headline(invoice: Invoice, timeline: Timeline, *, now: datetime) -> InvoiceHeadline:
    """Return the top of the page. timeline: of the invoice, as of the same time."""
    state, color = _state(invoice, now)
    return InvoiceHeadline(
        _amount(invoice), state, color, _sentence(invoice), tuple(_figures(invoice, timeline, now))
    )


def _money(invoice: Invoice, amount: object) -> str:
    return format_money(amount, str(invoice.currency))  # type: ignore[arg-type]


def _amount(invoice: Invoice) -> str:
    if invoice.kind == DocumentKind.CREDIT_NOTE:
        return _("%(amount)s credited") % {"amount": _money(invoice, invoice.total.amount)}
    texts = {
        InvoiceState.DRAFT: _("%(total)s, not issued"),
        InvoiceState.ISSUED: _("%(due)s due"),
        InvoiceState.OVERDUE: _("%(due)s due"),
        InvoiceState.PAID: _("%(paid)s paid"),
        InvoiceState.VOID: _("Nothing due"),
        InvoiceState.UNCOLLECTIBLE: _("%(due)s written off"),
    }
    amounts = {"total": invoice.total.amount, "due": invoice.due, "paid": invoice.paid - invoice.returned}
    return texts[InvoiceState(invoice.state)] % {name: _money(invoice, value) for name, value in amounts.items()}


def _state(invoice: Invoice, now: datetime) -> tuple[str, str]:
    if days := days_past_due(invoice, now=now):
        return ngettext("%(days)s day past due", "%(days)s days past due", days) % {"days": days}, "bad"
    if invoice.state in OPEN_INVOICES and invoice.due and invoice.due_date is not None:
        days = (invoice.due_date - _today(invoice, now)).days
        if not days:
            return _("Due today"), "warn"
        return ngettext("Due in %(days)s day", "Due in %(days)s days", days) % {"days": days}, ""
    colors = {InvoiceState.PAID: "good", InvoiceState.UNCOLLECTIBLE: "bad"}
    label = str(invoice.get_state_display())
    return label[:1].upper() + label[1:], colors.get(InvoiceState(invoice.state), "")


def _sentence(invoice: Invoice) -> str:
    """Return issue and due date, credits and payments in one sentence each."""
    if invoice.issue_date is None or invoice.due_date is None:
        return _("A draft has no number, and nothing is due or sent until it is issued.")
    values = {
        "total": _money(invoice, invoice.total.amount),
        "issued": date_format(invoice.issue_date, "DATE_FORMAT"),
        "due": date_format(invoice.due_date, "DATE_FORMAT"),
    }
    if invoice.kind == DocumentKind.CREDIT_NOTE:
        return _("%(total)s credited on %(issued)s.") % values
    sentences = [_("%(total)s, issued on %(issued)s, due on %(due)s.") % values]
    if invoice.credited:
        sentences.append(_("%(amount)s was credited.") % {"amount": _money(invoice, invoice.credited)})
    if invoice.paid:
        sentences.append(_("%(amount)s was paid.") % {"amount": _money(invoice, invoice.paid)})
    if invoice.returned:
        sentences.append(_("%(amount)s of it was returned.") % {"amount": _money(invoice, invoice.returned)})
    return " ".join(sentences)


def _figures(invoice: Invoice, timeline: Timeline, now: datetime) -> list[HeaderFigure]:
    figures = []
    if invoice.state in OPEN_INVOICES and invoice.kind == DocumentKind.INVOICE and invoice.due_date is not None:
        of_total = _("of %(total)s") % {"total": _money(invoice, invoice.total.amount)}
        is_late = bool(days_past_due(invoice, now=now))
        figures += [
            HeaderFigure(_("Amount due"), _money(invoice, invoice.due), of_total, is_late),
            HeaderFigure(_("Due date"), date_format(invoice.due_date, "DATE_FORMAT"), _terms(invoice), is_late),
        ]
    else:
        figures.append(HeaderFigure(_("Total"), _money(invoice, invoice.total.amount)))
    customer = reverse("admin:customers_customer_change", args=[invoice.customer_id])
    figures += [
        HeaderFigure(_("Customer"), str(invoice.customer), invoice.customer.external_id, link=customer),
        HeaderFigure(_("Seller"), str(invoice.seller)),
    ]
    if invoice.purchase_order:
        figures.append(HeaderFigure(_("Purchase order"), invoice.purchase_order))
    if timeline.to_come:
        step = timeline.to_come[0]
        figures.append(HeaderFigure(_("Next step"), step.text, date_format(step.at, "DATE_FORMAT")))
    return figures


def _terms(invoice: Invoice) -> str:
    if invoice.issue_date is None or invoice.due_date is None:
        return ""
    days = (invoice.due_date - invoice.issue_date).days
    return ngettext("%(days)s day after issue", "%(days)s days after issue", days) % {"days": days}
