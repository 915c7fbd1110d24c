"""Runs a case of wallets.json about the ongoing balance of a wallet that pays invoices."""

from datetime import datetime
from decimal import Decimal

from billing.closing import bill_reached_thresholds
from invoices.models import Invoice
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice, issue_draft
from tests.builders import (
    make_customer,
    make_plan,
    make_tax,
    make_wallet,
    offer,
    publish,
    rate,
    subscribe,
    threshold,
    use,
)
from tests.golden.case_figures import Figures
from tests.golden.cases import Case
from tests.golden.wallet_steps import moment
from wallets.ledger.grant import Grant, grant
from wallets.ledger.ongoing_balance import read_ongoing_balances
from wallets.operations.invoice_payment import pay_from_wallet

D = Decimal
NONE = D(0)


class OngoingWallet:
    """
    A customer who uses calls at 1.00 each, and whose wallet pays invoices.

    progressive: the amounts at which usage is invoiced early, all equal; pending: usage that is not invoiced yet.
    """

    def __init__(self, case: Case, progressive: set[Decimal], *, at: datetime) -> None:
        currency, balance = case["unit"], D(case["params"]["initial_balance"])
        self.customer = make_customer(currency=currency)
        make_tax(case["params"]["tax_percent"], seller=self.customer.seller)
        calls = offer("api.calls", rates=[rate(1)], currency=currency)
        thresholds = [threshold(amount, currency=currency, repeats=True) for amount in progressive]
        version = publish(make_plan(offers=[calls], thresholds=thresholds), at=at)
        self.subscription = subscribe(self.customer, version, starts_at=at)
        self.wallet = make_wallet(self.customer, unit=currency, currency=currency, pays_invoices=True)
        grant(wallet_id=self.wallet.pk, grants=[Grant("purchased", balance, "case", cost=balance)], at=at)
        self.pending = NONE

    def use(self, amount: Decimal, progressive: Decimal | None, at: datetime) -> None:
        """Use this amount; where it reaches the progressive amount, that is invoiced and paid."""
        if progressive is not None:
            reaching = progressive - self.pending
            use(self.subscription, "api.calls", reaching, at=at)
            assert bill_reached_thresholds(at=at) == 1
            invoice = Invoice.objects.latest("pk")
            assert invoice.net.amount == progressive
            self._pay(invoice, at)
            self.pending, amount = NONE, amount - reaching
        use(self.subscription, "api.calls", amount, at=at)
        self.pending += amount

    def draft(self, amount: Decimal, at: datetime) -> Invoice:
        """Store a draft invoice; with us it bills no usage of a running period."""
        line = OneOffLine("Charge", amount, at.date(), at.date())
        return draft_invoice(customer=self.customer, request=OneOffRequest([line], str(self.wallet.currency)), at=at)

    def charge(self, amount: Decimal, at: datetime) -> None:
        """Issue an invoice of this amount, and pay it."""
        self._pay(issue_draft(invoice_id=self.draft(amount, at).pk, at=at), at)

    def balances(self, at: datetime) -> dict[str, Decimal]:
        self.wallet.refresh_from_db()
        ongoing_balance = read_ongoing_balances([self.wallet], at=at)[self.wallet.pk]
        return {"balance": self.wallet.balance, "ongoing_balance": ongoing_balance}

    def _pay(self, invoice: Invoice, at: datetime) -> None:
        pay_from_wallet(wallet_id=self.wallet.pk, invoice_id=invoice.pk, at=at)


def ongoing(case: Case) -> Figures:
    """Use, invoice and pay as in the steps of the case."""
    steps = [
        (step["at"], {name: D(text) for name, text in step["event"].items()}) for step in case["params"]["steps"]
    ]
    progressive = {amounts["progressive_invoice"] for _, amounts in steps if "progressive_invoice" in amounts}
    wallet = OngoingWallet(case, progressive, at=moment(steps[0][0]))
    balances = []
    for text, amounts in steps:
        at = moment(text)
        if "immediate_charge" in amounts:
            wallet.charge(amounts.pop("immediate_charge"), at)
        if "pending_usage" in amounts:
            wallet.use(amounts.pop("pending_usage"), amounts.pop("progressive_invoice", None), at)
        if "draft_invoice" in amounts:
            wallet.draft(amounts.pop("draft_invoice"), at)
        assert not amounts.pop("covers_pending", NONE)
        assert not amounts
        balances.append({"at": text, **wallet.balances(at)})
    return {"steps": balances}
