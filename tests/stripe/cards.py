"""Customers with a card stored at Stripe."""

from customers.models import Customer, Seller
from invoices.models import MerchantAccount, PayerAccount, PaymentMethod
from tests.builders import FEB
from tests.stripe.server import Books


def leave_card(
    customer: Customer,
    books: Books,
    *,
    declines: str = "",
    wants_customer: bool = False,
    seller: Seller | None = None,
    merchant: MerchantAccount | None = None,
) -> PaymentMethod:
    """Store a card for a customer, in place of an earlier one; `declines` and `wants_customer` set its behavior."""
    account, _ = PayerAccount.objects.get_or_create(
        customer=customer,
        seller=seller or customer.seller,
        merchant=merchant,
        provider="stripe",
        defaults={"ref": books.customer(), "created_at": FEB},
    )
    card = books.card(account.ref, declines=declines, wants_customer=wants_customer)
    PaymentMethod.objects.filter(account=account).update(is_default=False)
    return PaymentMethod.objects.create(
        account=account, ref=card["id"], label="Visa 4242", is_default=True, created_at=FEB
    )
