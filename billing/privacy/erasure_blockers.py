"""Reasons why a customer can't be erased yet, with remedies."""

from collections.abc import Iterator

from django.db.models import F, Q
from django.utils.translation import gettext

from billing.models import Period, Subscription
from billing.models.periods import PeriodState
from billing.models.subscriptions import SubscriptionState
from customers.models import Customer
from invoices.models import CustomerBalance, Invoice, PaymentAttempt, Refund
from invoices.models.payment_attempts import AttemptState
from lib.formats import format_money
from wallets.models import Purchase, Wallet
from wallets.models.purchases import PurchaseState


def find_erasure_blockers(customer: Customer) -> list[str]:
    """
    Return, as sentences, the reasons that prevent erasing a customer: running subscriptions, debts, or credits.

    A sandbox customer has none, because nothing is owed there.
    """
    return (
        []
        if customer.sandbox
        else [
            *_find_running(customer),
            *_find_debts(customer),
            *_find_customer_money(customer),
            *_find_prepaid(customer),
        ]
    )


def _find_running(customer: Customer) -> Iterator[str]:
    running = Subscription.objects.filter(customer=customer).exclude(state=SubscriptionState.ENDED)
    for subscription in running.order_by("pk"):
        text = (
            gettext("The subscription %(subscription)s is a draft. Discard it first.")
            if subscription.state == SubscriptionState.DRAFT
            else gettext(
                "The subscription %(subscription)s is %(state)s. End it, and wait for its last invoice, first."
            )
        )
        yield text % {"subscription": subscription.external_id, "state": subscription.get_state_display()}
    periods = Period.objects.filter(subscription__customer=customer)
    if periods.filter(Q(state=PeriodState.OPEN) | Q(late_since__isnull=False)).exists():
        yield gettext("Some usage is not billed yet. Close its periods first.")


def _find_debts(customer: Customer) -> Iterator[str]:
    unpaid = Invoice.objects.filter(customer=customer, kind="invoice").exclude(state__in=("paid", "void"))
    for invoice in unpaid.filter(Q(state="draft") | Q(total__gt=F("credited") + F("paid"))).order_by("pk"):
        if invoice.state == "draft":
            yield gettext("An invoice is still a draft. Issue or discard it first.")
        else:
            yield (
                gettext("%(amount)s is due on %(invoice)s. Collect or credit it first.")
                % {"amount": format_money(invoice.due, str(invoice.currency)), "invoice": invoice.number}
            )


def _find_customer_money(customer: Customer) -> Iterator[str]:
    """Yield the customer's money that is in transit or still theirs."""
    attempts = PaymentAttempt.objects.filter(invoice__customer=customer), Refund.objects.filter(customer=customer)
    if any(attempt.filter(state=AttemptState.PENDING).exists() for attempt in attempts):
        yield gettext("A payment attempt or refund is pending. Wait for the result, or settle it manually, first.")
    for balance in CustomerBalance.objects.filter(customer=customer, amount__gt=0).order_by("currency"):
        yield (
            gettext("The customer balance holds %(amount)s. Pay it out or apply it first.")
            % {"amount": format_money(balance.amount, str(balance.currency))}
        )


def _find_prepaid(customer: Customer) -> Iterator[str]:
    wallets = Wallet.objects.filter(customer=customer, closed_at__isnull=True).exclude(balance=0, debt_held=0)
    for wallet in wallets.order_by("pk"):
        yield (
            gettext("The wallet %(wallet)s holds %(balance)s %(unit)s. Refund or void them first.")
            % {"wallet": wallet.name, "balance": f"{wallet.balance.normalize():f}", "unit": wallet.unit}
        )
    if Purchase.objects.filter(wallet__customer=customer, state=PurchaseState.PENDING).exists():
        yield gettext("A purchase is waiting for payment. Collect the payment or cancel the purchase first.")
