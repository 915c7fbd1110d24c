"""A customer's payment methods: our copy of those that a provider stores, the default one, and their removal."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from invoices.models import PayerAccount, PaymentAttempt, PaymentMethod
from invoices.models.payment_attempts import MAX_REF, AttemptState
from invoices.payments.attempts.checkout import UNREACHABLE
from invoices.payments.attempts.payment_start import PaymentAttemptRefused
from invoices.payments.providers import Misconfigured, OutcomeUnknown, Provider, provider


@transaction.atomic
def make_default(*, payment_method_id: int) -> PaymentMethod:
    """Make a payment method the default of its account, instead of any other."""
    payment_method = PaymentMethod.objects.get(pk=payment_method_id)
    # Account lock: two requests can't leave two default methods, or none.
    PayerAccount.objects.select_for_update().get(pk=payment_method.account_id)
    _set_default(payment_method)
    payment_method.refresh_from_db()
    return payment_method


def _set_default(payment_method: PaymentMethod) -> None:
    PaymentMethod.objects.filter(account=payment_method.account_id, is_default=True).update(is_default=False)
    PaymentMethod.objects.filter(pk=payment_method.pk, removed_at__isnull=True).update(is_default=True)


@transaction.atomic
def remove_payment_method(*, payment_method_id: int, at: datetime) -> None:
    """
    Stop charging a payment method. The provider deletes it first, so that it stores no method that we don't know of.

    :raises PaymentAttemptRefused: if a payment with it is pending, or the provider cannot be reached.
    """
    # Row lock: a payment that starts now waits, and then finds the method removed.
    methods = PaymentMethod.objects.select_related("account__merchant").select_for_update(of=["self"])
    payment_method = methods.get(pk=payment_method_id)
    if has_pending_payment(payment_method):
        raise PaymentAttemptRefused(
            _("A payment with %(method)s is in progress. Remove it once the payment is settled.")
            % {"method": payment_method.label}
        )
    account = payment_method.account
    try:
        provider(account.provider, account.merchant).detach_payment_method(payment_method.ref)
    except (OutcomeUnknown, Misconfigured) as error:
        raise PaymentAttemptRefused(str(UNREACHABLE)) from error
    PaymentMethod.objects.filter(pk=payment_method_id).update(removed_at=at, is_default=False)


def has_pending_payment(payment_method: PaymentMethod) -> bool:
    """Return whether an attempt to charge a payment method has no outcome yet."""
    return PaymentAttempt.objects.filter(payment_method=payment_method, state=AttemptState.PENDING).exists()


@transaction.atomic
def sync_payment_methods(*, account: PayerAccount, at: datetime) -> list[PaymentMethod]:
    """
    Update our copy of a customer's payment methods from their provider; the first one becomes the default if none is.

    A new method that replaces an earlier one takes its place: it is the default if that was, and the earlier one is
    removed, unless a payment with it is pending.

    :raises OutcomeUnknown: if the provider cannot be reached.
    """
    service = provider(account.provider, account.merchant)
    methods_by_ref = {method.ref: method for method in service.list_payment_methods(account.ref)}
    stored_refs = set(account.payment_methods.values_list("ref", flat=True))
    setups = {ref: service.find_setup(ref) for ref in methods_by_ref if ref not in stored_refs}
    # Account lock, after the provider's answer: two updates don't both create a method or a default.
    PayerAccount.objects.select_for_update().get(pk=account.pk)
    account.payment_methods.filter(removed_at__isnull=True).exclude(ref__in=methods_by_ref).update(
        removed_at=at, is_default=False
    )
    for ref, method in methods_by_ref.items():
        expires_on = None if method.expires is None else datetime(*method.expires, 1, tzinfo=at.tzinfo).date()
        columns = {"label": method.label, "kind": method.kind, "expires_on": expires_on}
        mandate = {"mandate": setups[ref].mandate[:MAX_REF]} if ref in setups else {}
        PaymentMethod.objects.update_or_create(
            account=account, ref=ref, defaults=columns, create_defaults={**columns, **mandate, "created_at": at}
        )
    for ref, setup in setups.items():
        earlier = account.payment_methods.filter(ref=setup.replaces, removed_at__isnull=True).first()
        if earlier is not None:
            _replace(earlier, account.payment_methods.get(ref=ref), service, at)
    active_methods = account.payment_methods.filter(removed_at__isnull=True)
    if (
        not active_methods.filter(is_default=True).exists()
        and (first := active_methods.order_by("pk").first()) is not None
    ):
        PaymentMethod.objects.filter(pk=first.pk).update(is_default=True)
    return list(active_methods.order_by("pk"))


def _replace(earlier: PaymentMethod, new: PaymentMethod, service: Provider, at: datetime) -> None:
    """Put a new payment method in the place of an earlier one; the caller holds the account's lock."""
    if earlier.is_default:
        _set_default(new)
    # Row lock: as in `remove_payment_method`.
    PaymentMethod.objects.select_for_update().get(pk=earlier.pk)
    if not has_pending_payment(earlier):
        service.detach_payment_method(earlier.ref)
        PaymentMethod.objects.filter(pk=earlier.pk).update(removed_at=at, is_default=False)
