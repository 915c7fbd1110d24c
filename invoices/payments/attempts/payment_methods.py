"""What a customer is charged by: which one, and which no longer."""

from datetime import datetime

from django.db import transaction

from invoices.models import PayerAccount, PaymentMethod
from invoices.payments.attempts.checkout import UNREACHABLE
from invoices.payments.attempts.payment_start import CannotCharge
from invoices.payments.providers import Misconfigured, Unclear, provider


@transaction.atomic
def make_default(*, payment_method_id: int) -> PaymentMethod:
    """Let this one be charged from now on, and none of the others."""
    payment_method = PaymentMethod.objects.get(pk=payment_method_id)
    PayerAccount.objects.select_for_update().get(pk=payment_method.account_id)
    PaymentMethod.objects.filter(account=payment_method.account_id, is_default=True).update(is_default=False)
    PaymentMethod.objects.filter(pk=payment_method_id, removed_at__isnull=True).update(is_default=True)
    payment_method.refresh_from_db()
    return payment_method


def forget(*, payment_method_id: int, at: datetime) -> None:
    """
    Charge an payment_method no longer; its provider forgets it first, so that nothing is kept there that we do not know.

    :raises CannotCharge: if the provider cannot be reached.
    """
    payment_method = PaymentMethod.objects.select_related("account").get(pk=payment_method_id)
    try:
        provider(payment_method.account.provider).forget(payment_method.ref)
    except (Unclear, Misconfigured) as error:
        raise CannotCharge(UNREACHABLE) from error
    PaymentMethod.objects.filter(pk=payment_method_id).update(removed_at=at, is_default=False)
