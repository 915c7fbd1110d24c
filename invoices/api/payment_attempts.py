"""Payment attempts, payment pages and payment methods over HTTP."""

from functools import partial
from typing import Any
from uuid import uuid4

from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request

from customers.api.fields import SellerField
from customers.api.views import CustomerRows
from customers.customer_time import current_time
from invoices.api.views import InvoiceRows
from invoices.models import PaymentAttempt, PaymentMethod
from invoices.payments import attempts
from invoices.payments.attempts import PaymentAttemptRefused
from invoices.payments.attempts.checkout import setup_page
from invoices.payments.attempts.payment_methods import make_default, remove_payment_method
from lib.api.fields import InstantField, RowSerializer, StrictFields
from lib.api.number_fields import AmountField
from lib.api.operations import Idempotency, delete, list_rows, post

ATTEMPT_REFUSALS = {PaymentAttemptRefused: ("unprocessable", "not_chargeable")}


class PaymentAttemptSerializer(RowSerializer[PaymentAttempt]):
    """An attempt to collect the amount due of an invoice."""

    amount = AmountField()
    page = serializers.SerializerMethodField(
        help_text="Where the customer pays, while the page is open; otherwise null."
    )
    closes_at = InstantField(allow_null=True, help_text="When the page closes.")
    created_at = InstantField()
    settled_at = InstantField(allow_null=True, help_text="When the result was known; null while pending.")

    class Meta:
        model = PaymentAttempt
        fields = [
            *("id", "number", "state", "amount", "provider", "payment_method", "page", "closes_at", "code", "reason"),
            *("created_at", "settled_at"),
        ]

    def get_page(self, attempt: PaymentAttempt) -> str | None:
        """Return the address of the open payment page."""
        if not attempt.page or attempt.state != "pending":
            return None
        address: str = self.context["request"].build_absolute_uri(attempt.page)
        return address


class NewPaymentAttemptSerializer(StrictFields, serializers.Serializer[Any]):
    """The payment method to charge."""

    payment_method = serializers.IntegerField(
        source="payment_method_id",
        required=False,
        min_value=1,
        help_text="Default: the customer's default payment method.",
    )


class PaymentPageSerializer(StrictFields, serializers.Serializer[Any]):
    """The address that the page returns the customer to."""

    back_to = serializers.URLField(max_length=500, help_text="Your URL to which the customer returns.")


class PaymentAttempts(InvoiceRows[PaymentAttempt]):
    """Payment attempts of one invoice, and the page on which the customer pays it."""

    queryset = PaymentAttempt.objects.all()
    serializer_class = PaymentAttemptSerializer

    list_all = list_rows(
        "list_charges", "List an invoice's payment attempts, newest first", "Payment attempts of one invoice."
    )

    @post(
        "charge_invoice",
        "Charge an invoice's amount due",
        "Charges the full amount due to a stored payment method. The response may be `pending`, and always is"
        " with an `Idempotency-Key`; a webhook announces the result, which is also in the payment attempt.",
        request=NewPaymentAttemptSerializer,
        status=201,
        refusals=ATTEMPT_REFUSALS,
    )
    def charge(self, request: Request, invoice: int) -> PaymentAttempt:
        owner, fields = self.owner, self.read_body()
        at = current_time(owner.customer)
        attempt = attempts.start_payment(invoice_id=owner.pk, **fields, at=at)
        # The provider is only called once the attempt is committed.
        transaction.on_commit(partial(attempts.submit_attempt, attempt_id=attempt.pk, at=at), robust=True)
        attempt.refresh_from_db()
        return attempt

    @post(
        "open_payment_page",
        "Open a payment page for an invoice",
        "A page of the provider, open for half an hour; if one is open already, it is returned.",
        idempotency=Idempotency.NATURAL,
        request=PaymentPageSerializer,
        status=201,
        refusals=ATTEMPT_REFUSALS,
        examples={"A page": {"back_to": "https://example.com/billing"}},
    )
    def open_page(self, request: Request, invoice: int) -> PaymentAttempt:
        owner, fields = self.owner, self.read_body()
        return attempts.open_page(invoice_id=owner.pk, **fields, at=current_time(owner.customer))

    @delete(
        "close_payment_page",
        "Close an invoice's payment page",
        "Customers can no longer pay on the page, so the invoice can be credited or voided; payments made on it"
        " before still count.",
        refusals=ATTEMPT_REFUSALS,
    )
    def close_page(self, request: Request, invoice: int) -> None:
        attempts.close_pages(invoice_id=self.owner.pk, at=current_time(self.owner.customer))


class PaymentMethodSerializer(RowSerializer[PaymentMethod]):
    """A card or bank account that a customer has agreed to be charged by."""

    seller = serializers.CharField(
        source="account.seller.code", help_text="Code of the seller whose invoices it may pay."
    )
    created_at = InstantField()

    class Meta:
        model = PaymentMethod
        fields = ["id", "seller", "label", "expires_on", "is_default", "created_at"]


class NewSetupPageSerializer(PaymentPageSerializer):
    """Where a page to save a card returns the customer to, and for whose invoices the card is."""

    seller = SellerField(help_text="Code of the seller whose invoices the card may pay; default: the customer's.")


class SetupPageSerializer(serializers.Serializer[Any]):
    """The page on which a customer saves a card."""

    page = serializers.CharField()


class PaymentMethods(CustomerRows[PaymentMethod]):
    """Payment methods of a customer, without removed ones."""

    queryset = PaymentMethod.objects.filter(removed_at__isnull=True).select_related("account__seller")
    serializer_class = PaymentMethodSerializer
    lookup_url_kwarg = "payment_method"
    owner_path = "account__customer"

    list_all = list_rows("list_instruments", "List a customer's payment methods", "A customer's payment methods.")

    @post(
        "make_instrument_default",
        "Make a payment method the default",
        "One payment method.",
        idempotency=Idempotency.NONE,
    )
    def make_default(self, request: Request, **kwargs: Any) -> PaymentMethod:
        return make_default(payment_method_id=self.get_object().pk)

    @delete("remove_instrument", "Remove a payment method", "One payment method.", refusals=ATTEMPT_REFUSALS)
    def remove(self, request: Request, **kwargs: Any) -> None:
        remove_payment_method(payment_method_id=self.get_object().pk, at=current_time(self.owner))

    @post(
        "open_setup_page",
        "Open a page to save a card",
        "Pages on which customers save a card.",
        request=NewSetupPageSerializer,
        response=SetupPageSerializer,
        status=201,
        refusals=ATTEMPT_REFUSALS,
    )
    def open_page(self, request: Request, customer: str) -> dict[str, str]:
        fields, owner = self.read_body(), self.owner
        page = setup_page(customer=owner, key=uuid4().hex, **fields, at=current_time(owner))
        return {"page": request.build_absolute_uri(page)}
