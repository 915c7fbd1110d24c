"""Choose a customer's default payment method, and remove payment methods."""

from datetime import datetime

from django.db import transaction

from invoices.models import PayerAccount, PaymentMethod
from invoices.payments.attempts.checkout import UNREACHABLE
from invoices.payments.attempts.payment_start import PaymentAttemptRefused
from invoices.payments.providers import Misconfigured, OutcomeUnknown, provider


@transaction.atomic
def make_default(*, payment_method_id: int) -> PaymentMethod:
    """Make a payment method the default of its account, instead of any other."""
    payment_method = PaymentMethod.objects.get(pk=payment_method_id)
    # Account lock: two requests can't leave two default methods, or none.
    PayerAccount.objects.select_for_update().get(pk=payment_method.account_id)
    PaymentMethod.objects.filter(account=payment_method.account_id, is_default=True).update(is_default=False)
    PaymentMethod.objects.filter(pk=payment_method_id, removed_at__isnull=True).update(is_default=True)
    payment_method.refresh_from_db()
    return payment_method


def remove_payment_method(*, payment_method_id: int, at: datetime) -> None:
    """
    Stop charging a payment method. The provider deletes it first, so that it stores no method that we don't know of.

    :raises PaymentAttemptRefused: if the provider cannot be reached.
    """
    payment_method = PaymentMethod.objects.select_related("account__merchant").get(pk=payment_method_id)
    try:
        provider(payment_method.account.provider, payment_method.account.merchant).detach_payment_method(
            payment_method.ref
        )
    except (OutcomeUnknown, Misconfigured) as error:
        raise PaymentAttemptRefused(str(UNREACHABLE)) from error
    PaymentMethod.objects.filter(pk=payment_method_id).update(removed_at=at, is_default=False)
