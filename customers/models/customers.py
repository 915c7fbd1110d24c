"""Who is billed."""

import pghistory
from django.conf import settings
from django.db import models
from djmoney.models.fields import CurrencyField

from customers.models.parties import Party


@pghistory.track()
class Customer(Party):
    """
    Who uses and pays.

    external_id: the product's own name for the customer; unique among live customers, and among sandbox ones.
    sandbox: a customer whose documents are marked and never leave the system.
    tax_exemption: why no tax is charged (reverse charge, exempt); empty for the seller's ordinary rates.
    owner: who of the staff looks after the customer, and is told when something needs a person.
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="customers")
    external_id = models.CharField(max_length=200)
    currency = CurrencyField(default="USD")
    sandbox = models.BooleanField(default=False)
    purchase_order = models.CharField(max_length=80, blank=True)
    tax_exemption = models.CharField(
        max_length=200, blank=True, help_text="Reason printed on documents that carry no tax."
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name="account owner",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        limit_choices_to={"is_staff": True},
        help_text="Gets a mail when a limit is reached or a top-up fails.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sandbox", "external_id"], name="external_id_names_one_customer")
        ]
        indexes = [models.Index(fields=["legal_name"], name="customer_by_name")]

    def __str__(self) -> str:
        return self.legal_name
