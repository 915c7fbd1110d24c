"""The explanation of an invoice on its page: the sentences to copy or send, and the bridge as a chart and a table."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.customer_time import current_time
from invoices.documents.invoice_email import EmailRefused
from invoices.explanation.bridge import Bridge, fold_steps
from invoices.explanation.customer_email import check_explanation_can_be_sent, send_explanation
from invoices.explanation.explanation import Explanation, explanation_locale
from invoices.explanation.reader import explain_invoice
from invoices.explanation.sentences import MAX_STEPS, step_text
from invoices.models import Invoice
from invoices.rendering.formats import Figures
from lib.admin import ConfirmedAction, Preview, Response
from lib.admin.charts import StaffChart, waterfall_chart
from lib.decimals import EXACT
from lib.formats import format_money

STAFF_LOCALE = "en_US"


@dataclass(frozen=True, slots=True)
class BridgeRow:
    """A step as text, with the total after it."""

    reason: str
    amount: str
    total: str


@dataclass(frozen=True, slots=True)
class ExplanationPanel:
    """chart, rows: the bridge; None and empty without one. former: the invoice that it starts from."""

    total: str
    explanation: Explanation
    former_id: int | None = None
    former: str = ""
    former_total: str = ""
    chart: StaffChart | None = None
    rows: tuple[BridgeRow, ...] = ()


def explanation_panel(invoice: Invoice) -> ExplanationPanel | None:
    """Return the explanation in the staff's language; None for an empty draft and for too many lines."""
    currency, locale = str(invoice.currency), explanation_locale(STAFF_LOCALE)
    explanation = explain_invoice(invoice, locale=locale)
    if explanation is None or (invoice.number is None and not explanation.parts):
        return None
    total = format_money(invoice.total.amount, currency)
    if (bridge := explanation.bridge) is None:
        return ExplanationPanel(total, explanation)
    return ExplanationPanel(
        total,
        explanation,
        former_id=bridge.former_id,
        former=bridge.former_number,
        former_total=format_money(bridge.former_total, currency),
        chart=_chart(bridge, str(invoice), Figures(locale, currency, ZoneInfo("UTC"))) if bridge.steps else None,
        rows=tuple(_rows(explanation, bridge, currency)),
    )


def _chart(bridge: Bridge, number: str, figures: Figures) -> StaffChart:
    steps = [(step_text(step, figures), step.amount) for step in fold_steps(bridge.steps, most=MAX_STEPS)]
    listed = "; ".join(f"{reason}: {figures.money(amount)}" for reason, amount in steps)
    summary = gettext("From %(former)s, %(former_total)s, to %(number)s, %(total)s: %(steps)s.") % {
        "former": bridge.former_number,
        "former_total": figures.money(bridge.former_total),
        "number": number,
        "total": figures.money(bridge.total),
        "steps": listed,
    }
    start = (bridge.former_number, bridge.former_total)
    return waterfall_chart(start, steps, number, summary=summary, currency=figures.currency)


def _rows(explanation: Explanation, bridge: Bridge, currency: str) -> list[BridgeRow]:
    rows, total = [], bridge.former_total
    for step, reason in zip(bridge.steps, explanation.step_texts, strict=True):
        total = EXACT.add(total, step.amount)
        rows.append(BridgeRow(reason, format_money(step.amount, currency), format_money(total, currency)))
    return rows


class SendExplanation(ConfirmedAction[Invoice]):
    """Email the explanation to the customer's contacts."""

    label, icon, verb = _("Send explanation"), "mail", _("Send to customer")
    permission = "customers.add_portallink"
    refusals = (EmailRefused,)

    @staticmethod
    def is_offered(invoice: Invoice) -> bool:
        return invoice.number is not None and not invoice.sandbox

    def preview(self, invoice: Invoice) -> Preview:
        contacts = invoice.customer.contacts.filter(billing=True).order_by("email")
        try:
            check_explanation_can_be_sent(invoice)
        except EmailRefused as refused:
            return Preview(title=self._title(invoice), consequences=[], problems=[str(refused)])
        explanation = explain_invoice(invoice, locale=explanation_locale(invoice.customer.locale))
        return Preview(
            title=self._title(invoice),
            consequences=[
                gettext("Tollbook emails the explanation to %(contacts)s, each in their language.")
                % {"contacts": ", ".join(contact.email for contact in contacts)},
                gettext("In the customer's language: “%(text)s”") % {"text": explanation.text if explanation else ""},
                gettext("The audit log records who sent it."),
            ],
        )

    def run(self, invoice: Invoice) -> Response:
        send_explanation(invoice_id=invoice.pk, at=current_time(invoice.customer), by=self.user)
        return self.done(gettext("The explanation of %(invoice)s is on its way.") % {"invoice": invoice})

    @staticmethod
    def _title(invoice: Invoice) -> str:
        return gettext("Send the explanation of %(invoice)s to the customer") % {"invoice": invoice}
