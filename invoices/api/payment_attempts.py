"""Money taken through a provider, over HTTP: charges, pages to pay on, and what customers are charged by."""

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

from customers.api_keys.idempotency import harmless_again, idempotent
from customers.customer_time import time_of
from customers.models import Customer
from invoices.models import DocumentKind, Invoice, PaymentAttempt, PaymentMethod
from invoices.payments import attempts
from invoices.payments.attempts import CannotCharge
from invoices.payments.attempts.checkout import setup_page
from invoices.payments.attempts.payment_methods import forget, make_default
from lib.api.fields import InstantField, KnownFields
from lib.api.isolation import Isolated
from lib.api.number_fields import AmountField
from lib.api.problems import Problem


@contextmanager
def as_problems() -> Iterator[None]:
    """Tell a refusal, with the field at fault."""
    try:
        yield
    except CannotCharge as refused:
        errors = [{"field": refused.field, "code": "not_chargeable", "detail": str(refused)}]
        raise Problem("unprocessable", str(refused), errors=errors if refused.field else ()) from refused


class ChargeSerializer(serializers.ModelSerializer[PaymentAttempt]):
    """An attempt to take what is due of an invoice."""

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

    def get_page(self, charge: PaymentAttempt) -> str | None:
        """Return the page's address."""
        if not charge.page or charge.state != "pending":
            return None
        address: str = self.context["request"].build_absolute_uri(charge.page)
        return address


class NewChargeSerializer(KnownFields, serializers.Serializer[Any]):
    """What is to be charged."""

    payment_method = serializers.IntegerField(
        source="payment_method_id", required=False, min_value=1, help_text="The customer's default one if not given."
    )


class PaymentPageSerializer(KnownFields, serializers.Serializer[Any]):
    """Where the page leads back to."""

    back_to = serializers.URLField(max_length=500, help_text="An address of yours, to which the customer comes back.")


class OfInvoice:
    """An invoice of the caller's world."""

    request: Request
    kwargs: Any

    def invoice(self) -> Invoice:
        """:raises Http404: if the caller sees no such invoice."""
        own = Invoice.objects.filter(kind=DocumentKind.INVOICE, sandbox=self.request.user.sandbox)
        return generics.get_object_or_404(own.select_related("customer"), pk=self.kwargs["invoice"])


class ChargesView(OfInvoice, generics.ListAPIView[PaymentAttempt]):
    """Charges of one invoice."""

    required_scopes = {"GET": "read", "POST": "manage"}
    problems = {"POST": ["unprocessable"]}
    serializer_class = ChargeSerializer

    def get_queryset(self) -> QuerySet[PaymentAttempt]:
        """Return the invoice's charges."""
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
        request=NewChargeSerializer,
        responses={201: ChargeSerializer},
    )
    @idempotent
    def post(self, request: Request, invoice: int) -> Response:
        found = self.invoice()
        serializer = NewChargeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        at = time_of(found.customer)
        with as_problems():
            charge = attempts.begin(invoice_id=found.pk, **serializer.validated_data, at=at)
        # Nobody is asked for money before it is committed that they are.
        transaction.on_commit(partial(attempts.ask, attempt_id=charge.pk, at=at), robust=True)
        charge.refresh_from_db()
        return Response(self.get_serializer(charge).data, status=status.HTTP_201_CREATED)


class PaymentPageView(OfInvoice, generics.GenericAPIView[PaymentAttempt]):
    """A page on which the customer pays an invoice."""

    required_scopes = {"POST": "manage", "DELETE": "manage"}
    problems = {"POST": ["unprocessable"], "DELETE": ["unprocessable"]}
    serializer_class = ChargeSerializer

    @extend_schema(
        operation_id="open_payment_page",
        summary="Open a page to pay an invoice on",
        description="A page of the provider's, open for half an hour; one that is open already is given again.",
        request=PaymentPageSerializer,
        responses={201: ChargeSerializer},
        examples=[OpenApiExample("A page", {"back_to": "https://example.com/billing"}, request_only=True)],
    )
    @harmless_again
    def post(self, request: Request, invoice: int) -> Response:
        found = self.invoice()
        serializer = PaymentPageSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with as_problems():
            charge = attempts.open_page(invoice_id=found.pk, **serializer.validated_data, at=time_of(found.customer))
        return Response(self.get_serializer(charge).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="close_payment_page",
        summary="Close the page that is open",
        description="Nobody can pay on it any more, so that the invoice can be credited or voided; what was paid on"
        " it by then counts.",
        responses={204: None},
    )
    def delete(self, request: Request, invoice: int) -> Response:
        found = self.invoice()
        with as_problems():
            attempts.close_pages(invoice_id=found.pk, at=time_of(found.customer))
        return Response(status=status.HTTP_204_NO_CONTENT)


class PaymentMethodSerializer(serializers.ModelSerializer[PaymentMethod]):
    """A card or bank account that a customer has agreed to be charged by."""

    created_at = InstantField()

    class Meta:
        model = PaymentMethod
        fields = ["id", "label", "expires_on", "is_default", "created_at"]
        read_only_fields = fields


class OfCustomer(Isolated):
    """What a customer of the caller's world is charged by."""

    sandbox_path = "account__customer__sandbox"
    kwargs: Any

    def customer(self) -> Customer:
        """:raises Http404: if the caller sees no such customer."""
        own = Customer.objects.filter(sandbox=self.request.user.sandbox)
        return generics.get_object_or_404(own, external_id=self.kwargs["customer"])

    def get_queryset(self) -> QuerySet[PaymentMethod]:
        """Return what was not removed."""
        return super().get_queryset().filter(account__customer=self.customer(), removed_at__isnull=True)


class PaymentMethodsView(OfCustomer, generics.ListAPIView[PaymentMethod]):
    """All of them."""

    required_scopes = {"GET": "read"}
    queryset = PaymentMethod.objects.all()
    serializer_class = PaymentMethodSerializer

    @extend_schema(operation_id="list_instruments", summary="What a customer can be charged by")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class PaymentMethodView(OfCustomer, generics.GenericAPIView[PaymentMethod]):
    """One of them."""

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
        with as_problems():
            forget(payment_method_id=self.get_object().pk, at=time_of(self.customer()))
        return Response(status=status.HTTP_204_NO_CONTENT)


class SetupPageSerializer(serializers.Serializer[Any]):
    """Where a customer leaves a card."""

    page = serializers.CharField()


class SetupPageView(OfCustomer, generics.GenericAPIView[PaymentMethod]):
    """A page on which a customer leaves a card."""

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
        found = self.customer()
        with as_problems():
            page = setup_page(customer=found, key=uuid4().hex, **serializer.validated_data, at=time_of(found))
        return Response({"page": request.build_absolute_uri(page)}, status=status.HTTP_201_CREATED)
