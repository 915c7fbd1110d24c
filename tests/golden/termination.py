"""A subscription that is terminated in a billed period, on our own database: the credit, and where its money goes."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from billing.closing import close_due
from billing.subscriptions import cancel
from invoices.credit_notes import issue_credit_note
from invoices.credit_notes.credit_note import RequestedCredit
from invoices.models import BalanceEntry, Invoice, Refund
from invoices.payments.manual_payments import record_payment
from plans.models import Coupon
from tests.builders import fee, make_coupon, make_customer, make_plan, make_seller, make_tax, publish, subscribe
from tests.golden.case_figures import Figures
from tests.golden.cases import Case
from tests.golden.period_cases import moment, span
from tests.golden.plan_setup import LONG_AGO

NONE = Decimal(0)
GIVES_BACK = {"refund": "refund", "offset": "refund", "": "credit"}
"""The case's request → our request. A note first takes off what is still due, so an offset is never asked for."""


def ending(case: Case) -> Figures:
    """
    Bill a period in advance, by the day, pay and credit it as the case says, and end it within the period.

    Other amounts on the case's invoice are a fee that is not credited. An invoice is paid in full where the case does
    not say how much of it is paid: a credit that is to be spent later is money that came in.
    """
    params, currency, at = case["params"], case["currency"], moment(case["params"]["terminated_at"])
    seller = make_seller(currency=currency, grace=timedelta(0))
    make_tax(params["tax_percent"], seller=seller)
    fees = [fee(params["plan_amount"], currency=currency)]
    if beside := Decimal(params.get("invoice_total", 0)) - Decimal(params.get("fee_share_total", 0)):
        beside = beside / (1 + Decimal(params["tax_percent"]) / 100)
        fees.append(fee(beside, currency=currency, kind="one_time"))
    trial = params.get("trial", {"start": params["period"]["start"], "days": 0})
    version = make_plan(fees=fees, proration="day", trial_days=int(trial["days"]))
    subscription = subscribe(
        make_customer(currency=currency, time_zone=case["timezone"]),
        publish(version, at=LONG_AGO),
        starts_at=moment(trial["start"]),
        coupons=[*_coupons(case)],
    )
    close_due(at=at)
    claimed = Invoice.objects.get()
    assert max(line.service_end for line in claimed.lines.filter(fee__kind="base")) == span(params["period"])[1]
    _settle(case, claimed)
    cancel(subscription=subscription, at=at, ends_at=at, give_back=GIVES_BACK[params.get("mode", "")])
    close_due(at=at)
    return _credit_figures(Invoice.objects.filter(corrects=claimed).latest("issued_at", "pk"))


def _coupons(case: Case) -> list[Coupon]:
    if "coupon" not in case["params"]:
        return []
    return [make_coupon(amount=case["params"]["coupon"], currency=case["currency"], fees=["base-fee"])]


def _settle(case: Case, invoice: Invoice) -> None:
    """Credit and pay the invoice as the case says."""
    params, at = case["params"], invoice.issued_at
    if "previous_credit" in params:
        taken = [RequestedCredit(invoice.lines.get(fee__kind="base").position, Decimal(params["previous_credit"]))]
        issue_credit_note(invoice_id=invoice.pk, lines=taken, reason="before", to="balance", at=at)
        invoice.refresh_from_db()
    if paid := min(Decimal(params.get("paid", invoice.due)), invoice.due):
        record_payment(invoice_id=invoice.pk, amount=paid, method="manual", reference="paid", at=at)


def _credit_figures(note: Invoice) -> Figures:
    """Return what is credited, and how much of it is refunded, put on the balance or taken off what was still due."""
    refund = _sum(Refund.objects.filter(note=note).values_list("amount", flat=True))
    credit = _sum(BalanceEntry.objects.filter(document=note).values_list("amount", flat=True))
    return {
        "item": _sum(line.amount.amount for line in note.lines.all()),
        "coupon_share": NONE,  # a note has no line for a coupon: its lines are net of coupons
        "tax": note.tax.amount,
        "total": note.total.amount,
        "refund": refund,
        "credit": credit,
        "offset": note.total.amount - refund - credit,
    }


def _sum(amounts: Any) -> Decimal:
    return sum(amounts, NONE)
