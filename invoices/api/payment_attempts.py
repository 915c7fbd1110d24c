"""Payment attempts, payment pages and payment methods over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api_keys.idempotency import idempotent, naturally_idempotent
from customers.customer_time import current_time
from customers.models import Customer
from invoices.models import DocumentKind, Invoice, PaymentAttempt, PaymentMethod
from invoices.payments import attempts
from invoices.payments.attempts import PaymentAttemptRefused
from invoices.payments.attempts.checkout import setup_page
from invoices.payments.attempts.payment_methods import make_default, remove_payment_method
from lib.api.fields import InstantField, StrictFields
from lib.api.isolation import SandboxIsolation
from lib.api.number_fields import AmountField
from lib.api.problems import Problem


@contextmanager
def attempt_refusal_as_problem() -> Iterator[None]:
    """Turn a refused payment attempt into an error response with the field at fault."""
    try:
        yield
    except PaymentAttemptRefused as refused:
        errors = [{"field": refused.field, "code": "not_chargeable", "detail": str(refused)}]
        raise Problem("unprocessable", str(refused), errors=errors if refused.field else ()) from refused


class PaymentAttemptSerializer(serializers.ModelSerializer[PaymentAttempt]):
    """An attempt to collect the amount due of an invoice."""

    amount = AmountField(source="money")
    page = serializers.SerializerMethodField(help_text="Where the customer pays, while that is open; else null.")
    closes_at = InstantField(allow_null=True, help_text="Until when the page is open.")
    created_at = InstantField()
    settled_at = InstantField(allow_null=True, help_text="When it was known what came of it; null while under way.")

    class Meta:
        model = PaymentAttempt
        fields = [
            *("id", "number", "state", "amount", "provider", "payment_method", "page", "closes_at", "code", "reason"),
            *("created_at", "settled_at"),
        ]
        read_only_fields = fields

    def get_page(self, attempt: PaymentAttempt) -> str | None:
        """Return the address of the open payment page."""
        if not attempt.page or attempt.state != "pending":
            return None
        address: str = self.context["request"].build_absolute_uri(attempt.page)
        return address


class NewPaymentAttemptSerializer(StrictFields, serializers.Serializer[Any]):
    """The payment method to charge."""

    payment_method = serializers.IntegerField(
        source="payment_method_id", required=False, min_value=1, help_text="The customer's default one if not given."
    )


class PaymentPageSerializer(StrictFields, serializers.Serializer[Any]):
    """The address that the page returns the customer to."""

    back_to = serializers.URLField(max_length=500, help_text="An address of yours, to which the customer comes back.")


class InvoiceAttemptsMixin:
    """An invoice, live or sandbox as the caller's key is."""

    request: Request
    kwargs: Any

    def invoice(self) -> Invoice:
        """:raises Http404: if the caller sees no such invoice."""
        own = Invoice.objects.filter(kind=DocumentKind.INVOICE, sandbox=self.request.user.sandbox)
        return generics.get_object_or_404(own.select_related("customer"), pk=self.kwargs["invoice"])


class PaymentAttemptsView(InvoiceAttemptsMixin, generics.ListAPIView[PaymentAttempt]):
    """Payment attempts of one invoice."""

    required_scopes = {"GET": "read", "POST": "manage"}
    problems = {"POST": ["unprocessable"]}
    serializer_class = PaymentAttemptSerializer

    def get_queryset(self) -> QuerySet[PaymentAttempt]:
        """Return the invoice's payment attempts."""
        return PaymentAttempt.objects.filter(invoice=self.invoice())

    @extend_schema(operation_id="list_charges", summary="Charges of an invoice, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="charge_invoice",
        summary="Charge what is due",
        description="Takes all that is due of an invoice from what the customer has left to be charged by. The answer"
        " may be `pending`, and always is under an `Idempotency-Key`: what came of it is told by a webhook, and by"
        " reading the charge again.",
        request=NewPaymentAttemptSerializer,
        responses={201: PaymentAttemptSerializer},
    )
    @idempotent
    def post(self, request: Request, invoice: int) -> Response:
        invoice_row = self.invoice()
        serializer = NewPaymentAttemptSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        at = current_time(invoice_row.customer)
        with attempt_refusal_as_problem():
            attempt = attempts.start_payment(invoice_id=invoice_row.pk, **serializer.validated_data, at=at)
        # The provider is only called once the attempt is committed.
        transaction.on_commit(partial(attempts.submit_attempt, attempt_id=attempt.pk, at=at), robust=True)
        attempt.refresh_from_db()
        return Response(self.get_serializer(attempt).data, status=status.HTTP_201_CREATED)


class PaymentPageView(InvoiceAttemptsMixin, generics.GenericAPIView[PaymentAttempt]):
    """A page on which the customer pays an invoice."""

    required_scopes = {"POST": "manage", "DELETE": "manage"}
    problems = {"POST": ["unprocessable"], "DELETE": ["unprocessable"]}
    serializer_class = PaymentAttemptSerializer

    @extend_schema(
        operation_id="open_payment_page",
        summary="Open a page to pay an invoice on",
        description="A page of the provider's, open for half an hour; one that is open already is given again.",
        request=PaymentPageSerializer,
        responses={201: PaymentAttemptSerializer},
        examples=[OpenApiExample("A page", {"back_to": "https://example.com/billing"}, request_only=True)],
    )
    @naturally_idempotent
    def post(self, request: Request, invoice: int) -> Response:
        invoice_row = self.invoice()
        serializer = PaymentPageSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with attempt_refusal_as_problem():
            attempt = attempts.open_page(
                invoice_id=invoice_row.pk, **serializer.validated_data, at=current_time(invoice_row.customer)
            )
        return Response(self.get_serializer(attempt).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="close_payment_page",
        summary="Close the page that is open",
        description="Nobody can pay on it any more, so that the invoice can be credited or voided; what was paid on"
        " it by then counts.",
        responses={204: None},
    )
    def delete(self, request: Request, invoice: int) -> Response:
        invoice_row = self.invoice()
        with attempt_refusal_as_problem():
            attempts.close_pages(invoice_id=invoice_row.pk, at=current_time(invoice_row.customer))
        return Response(status=status.HTTP_204_NO_CONTENT)


class PaymentMethodSerializer(serializers.ModelSerializer[PaymentMethod]):
    """A card or bank account that a customer has agreed to be charged by."""

    created_at = InstantField()

    class Meta:
        model = PaymentMethod
        fields = ["id", "label", "expires_on", "is_default", "created_at"]
        read_only_fields = fields


class CustomerPaymentMethodsMixin(SandboxIsolation):
    """Payment methods of a customer, live or sandbox as the caller's key is."""

    sandbox_path = "account__customer__sandbox"
    kwargs: Any

    def customer(self) -> Customer:
        """:raises Http404: if the caller sees no such customer."""
        own = Customer.objects.filter(sandbox=self.request.user.sandbox)
        return generics.get_object_or_404(own, external_id=self.kwargs["customer"])

    def get_queryset(self) -> QuerySet[PaymentMethod]:
        """Return the customer's payment methods, without removed ones."""
        return super().get_queryset().filter(account__customer=self.customer(), removed_at__isnull=True)


class PaymentMethodsView(CustomerPaymentMethodsMixin, generics.ListAPIView[PaymentMethod]):
    """A customer's payment methods."""

    required_scopes = {"GET": "read"}
    queryset = PaymentMethod.objects.all()
    serializer_class = PaymentMethodSerializer

    @extend_schema(operation_id="list_instruments", summary="What a customer can be charged by")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class PaymentMethodView(CustomerPaymentMethodsMixin, generics.GenericAPIView[PaymentMethod]):
    """One payment method."""

    required_scopes = {"POST": "manage", "DELETE": "manage"}
    queryset = PaymentMethod.objects.select_related("account")
    serializer_class = PaymentMethodSerializer
    lookup_url_kwarg = "payment_method"

    @extend_schema(
        operation_id="make_instrument_default",
        summary="Let this one be charged from now on",
        request=None,
        responses={200: PaymentMethodSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        return Response(self.get_serializer(make_default(payment_method_id=self.get_object().pk)).data)

    @extend_schema(operation_id="remove_instrument", summary="Let it be charged no longer", responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        with attempt_refusal_as_problem():
            remove_payment_method(payment_method_id=self.get_object().pk, at=current_time(self.customer()))
        return Response(status=status.HTTP_204_NO_CONTENT)


class SetupPageSerializer(serializers.Serializer[Any]):
    """The page on which a customer saves a card."""

    page = serializers.CharField()


class SetupPageView(CustomerPaymentMethodsMixin, generics.GenericAPIView[PaymentMethod]):
    """Pages on which a customer saves a card."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["unprocessable"]}
    queryset = PaymentMethod.objects.all()
    serializer_class = SetupPageSerializer

    @extend_schema(
        operation_id="open_setup_page",
        summary="Open a page to leave a card on",
        request=PaymentPageSerializer,
        responses={201: SetupPageSerializer},
    )
    @idempotent
    def post(self, request: Request, customer: str) -> Response:
        serializer = PaymentPageSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        customer_row = self.customer()
        with attempt_refusal_as_problem():
            page = setup_page(
                customer=customer_row, key=uuid4().hex, **serializer.validated_data, at=current_time(customer_row)
            )
        return Response({"page": request.build_absolute_uri(page)}, status=status.HTTP_201_CREATED)
