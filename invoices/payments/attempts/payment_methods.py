"""What a customer is charged by: which one, and which no longer."""

from datetime import datetime

from django.db import transaction

from invoices.models import Instrument, PayerAccount
from invoices.payments.attempts.checkout import UNREACHABLE
from invoices.payments.attempts.payment_start import CannotCharge
from invoices.payments.providers import Misconfigured, Unclear, provider


@transaction.atomic
def make_default(*, instrument_id: int) -> Instrument:
    """Let this one be charged from now on, and none of the others."""
    instrument = Instrument.objects.get(pk=instrument_id)
    PayerAccount.objects.select_for_update().get(pk=instrument.account_id)
    Instrument.objects.filter(account=instrument.account_id, is_default=True).update(is_default=False)
    Instrument.objects.filter(pk=instrument_id, removed_at__isnull=True).update(is_default=True)
    instrument.refresh_from_db()
    return instrument


def forget(*, instrument_id: int, at: datetime) -> None:
    """
    Charge an instrument no longer; its provider forgets it first, so that nothing is kept there that we do not know.

    :raises CannotCharge: if the provider cannot be reached.
    """
    instrument = Instrument.objects.select_related("account").get(pk=instrument_id)
    try:
        provider(instrument.account.provider).forget(instrument.ref)
    except (Unclear, Misconfigured) as error:
        raise CannotCharge(UNREACHABLE) from error
    Instrument.objects.filter(pk=instrument_id).update(removed_at=at, is_default=False)
