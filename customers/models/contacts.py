"""Contacts, who receive a customer's email."""

import pghistory
from django.db import models
from django.utils.translation import gettext_lazy as _


class ContactRole(models.TextChoices):
    """What a contact may do in the portal: docs/portal.md#roles."""

    ADMIN = "admin", _("Admin")
    BILLING = "billing", _("Billing")
    VIEWER = "viewer", _("Viewer")
    NONE = "none", _("Emails only")


@pghistory.track()
class Contact(models.Model):
    """
    A person or a mailbox at a customer.

    language: of their email; empty for the customer's. billing, alerts: the kinds of email that they get.
    role: what they may do in the portal.
    """

    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="contacts")
    name = models.CharField(max_length=120, blank=True)
    email = models.EmailField()
    language = models.CharField(
        max_length=10, blank=True, help_text=_("A language code, such as de. Empty: the customer's language.")
    )
    role = models.CharField(
        max_length=7,
        choices=ContactRole,
        default=ContactRole.VIEWER,
        db_default=ContactRole.VIEWER,
        help_text=_("Rights in the portal."),
    )
    billing = models.BooleanField(default=True, help_text=_("Emails about invoices, payments, top-ups and credits."))
    alerts = models.BooleanField(default=True, help_text=_("Emails about reached limits and thresholds."))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "email"], name="contact_is_listed_once"),
            models.CheckConstraint(condition=models.Q(role__in=ContactRole.values), name="contact_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>" if self.name else self.email
