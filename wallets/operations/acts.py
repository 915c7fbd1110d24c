"""Grants, refunds of lots and payments by hand as acts that may need a second person: docs/approvals.md."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from access.approvals import Act, ActFacts
from access.models.approvals import ApprovalKind
from customers.customer_time import current_time
from invoices.models import Invoice, Payment
from invoices.models.payments import PaymentChannel
from invoices.payments.manual_payments import PaymentRefused
from lib.decimals import to_plain_string
from lib.formats import format_money
from wallets.credit_rules.units import InvalidAmount
from wallets.ledger.adjustments import refund
from wallets.ledger.errors import LedgerRefused
from wallets.ledger.grant import Grant
from wallets.ledger.locked_wallets import WalletNotFound
from wallets.models import Lot, Transaction, Wallet
from wallets.operations.manual_grants import grant_manually
from wallets.purchases import receive_payment
from wallets.statements.formats import shown


class GrantCredits(Act[Lot], frozen=True, kw_only=True):
    """As `grant_manually`."""

    name, kind, permission = "grant_credits", ApprovalKind.GRANTS, "wallets.grant_credits"
    refusals = (
        InvalidAmount,
        LedgerRefused,
        WalletNotFound,
    )

    wallet_id: int
    terms: Grant
    reason: str

    def read_facts(self, *, at: datetime) -> ActFacts:
        wallet = Wallet.objects.select_related("customer").get(pk=self.wallet_id)
        amount = shown(self.terms.amount, wallet.unit)
        expiry = f"{self.terms.expires_at:%Y-%m-%d %H:%M} UTC" if self.terms.expires_at else _("never")
        return ActFacts(
            subject=wallet,
            title=_("Grant %(amount)s") % {"amount": amount},
            amount=self.terms.amount,
            unit=wallet.unit,
            customer_id=wallet.customer_id,
            seller_id=wallet.seller_id,
            sandbox=wallet.customer.sandbox,
            is_exempt=Lot.objects.filter(wallet=wallet, source=self.terms.source).exists(),
            versions={str(wallet): _("closed") if wallet.closed_at else _("open")},
            rows=[(_("Amount"), amount), (_("Expiry"), expiry), (_("Reason"), self.reason)],
        )

    def carry_out(self, *, by: User | None, at: datetime) -> Lot:
        wallet = Wallet.objects.select_related("customer").get(pk=self.wallet_id)
        return grant_manually(
            wallet=wallet, terms=self.terms, at=current_time(wallet.customer), reason=self.reason, by=by
        )


class RefundLot(Act[Lot], frozen=True, kw_only=True):
    """As `refund` of the ledger."""

    name, kind, permission = "refund_lot", ApprovalKind.REFUNDS, "wallets.refund_lot"
    refusals = (
        InvalidAmount,
        LedgerRefused,
        WalletNotFound,
    )

    lot_id: int
    amount: Decimal
    reference: str
    reason: str

    def read_facts(self, *, at: datetime) -> ActFacts:
        lot = Lot.objects.select_related("wallet__customer").get(pk=self.lot_id)
        amount = shown(self.amount, lot.wallet.unit)
        return ActFacts(
            subject=lot,
            title=_("Refund %(amount)s of lot %(lot)s") % {"amount": amount, "lot": lot.pk},
            amount=self.amount,
            unit=lot.wallet.unit,
            customer_id=lot.wallet.customer_id,
            seller_id=lot.wallet.seller_id,
            sandbox=lot.wallet.customer.sandbox,
            is_exempt=Transaction.objects.filter(wallet=lot.wallet, reference=self.reference).exists(),
            versions={_("Lot %(lot)s") % {"lot": lot.pk}: _remaining(lot)},
            rows=[(_("Amount"), amount), (_("Remaining"), _remaining(lot)), (_("Reason"), self.reason)],
        )

    def carry_out(self, *, by: User | None, at: datetime) -> Lot:
        lot = Lot.objects.select_related("wallet__customer").get(pk=self.lot_id)
        at = current_time(lot.wallet.customer)
        return refund(
            lot_id=self.lot_id, amount=self.amount, reference=self.reference, reason=self.reason, at=at, by=by
        )


class RecordPayment(Act[Payment], frozen=True, kw_only=True):
    """As `receive_payment`, of a payment by hand."""

    name, kind, permission = "record_payment", ApprovalKind.MANUAL_PAYMENTS, "invoices.record_payment"
    refusals = (PaymentRefused,)

    invoice_id: int
    amount: Decimal
    reference: str
    reason: str = ""
    paid_at: datetime | None = None
    keeps_surplus: bool = False

    def read_facts(self, *, at: datetime) -> ActFacts:
        # Row lock: nothing is paid or credited between these facts and the act.
        invoice = Invoice.objects.select_for_update(no_key=True).get(pk=self.invoice_id)
        amount = format_money(self.amount, str(invoice.currency))
        due = to_plain_string(invoice.due)
        return ActFacts(
            subject=invoice,
            title=_("Record a payment of %(amount)s for %(invoice)s") % {"amount": amount, "invoice": invoice},
            amount=self.amount,
            unit=str(invoice.currency),
            customer_id=invoice.customer_id,
            seller_id=invoice.seller_id,
            sandbox=invoice.sandbox,
            is_exempt=Payment.objects.filter(invoice=invoice, reference=self.reference).exists(),
            versions={str(invoice): _("amount due: %(due)s") % {"due": due}},
            rows=[
                *((_("Reference"), self.reference), (_("Amount"), amount)),
                *((_("Amount due"), f"{due} {invoice.currency}"), (_("Reason"), self.reason)),
            ],
        )

    def carry_out(self, *, by: User | None, at: datetime) -> Payment:
        invoice = Invoice.objects.select_related("customer").get(pk=self.invoice_id)
        return receive_payment(
            invoice_id=invoice.pk,
            amount=self.amount,
            reference=self.reference,
            reason=self.reason,
            paid_at=self.paid_at,
            keeps_surplus=self.keeps_surplus,
            method=PaymentChannel.MANUAL,
            at=current_time(invoice.customer),
            by=by,
        )


def _remaining(lot: Lot) -> str:
    return shown(lot.remaining - lot.held, lot.wallet.unit)
