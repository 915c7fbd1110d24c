"""Actions on the customers selected in the list: each says how many, and runs as a job."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, QuerySet
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from billing.admin.jobs.worker_wakeup import wake
from billing.admin.plan_migrations.plan_form import SELECTED_IDS
from billing.admin.subscriptions.coupons import choice
from billing.plan_migrations.jobs import PLAN
from billing.subscriptions.customer_batches import MAX_CUSTOMERS, BatchOperation, start_batch
from customers.models import Contact, Customer
from customers.portal_auth.origins import portal_origin
from lib.admin import Preview, Response, SelectionAction, StaffForm, allowed_seller_ids, limit_to_sellers, list_url
from lib.admin.labels import TagsText
from lib.formats import format_number
from plans.models import Coupon


def count_customers(customers: list[Customer]) -> str:
    """Return “3 customers”."""
    count = len(customers)
    text = ngettext("%(count)s customer", "%(count)s customers", count)
    return text % {"count": format_number(count)}


class CustomerSelection(SelectionAction[Customer]):
    """
    An action on selected customers. Restricted users change those of their sellers only, as on a customer's page.

    operation: what the job does to each.
    """

    limit = MAX_CUSTOMERS
    operation: BatchOperation

    def select(self, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        rows = queryset.filter(erased_at__isnull=True)
        return limit_to_sellers(self.request, rows, "seller").order_by("pk")

    @property
    def posted(self) -> Any:
        return self.request.POST if self.agreed_field in self.request.POST else None

    def is_confirmed(self) -> bool:
        return super().is_confirmed() and bool(self.subject) and (self.form is None or self.form.is_valid())

    def problems(self, customers: list[Customer]) -> list[str]:
        return [] if customers else [gettext("None of the selected customers can be changed.")]

    def start(self, customers: list[Customer], choices: Mapping[str, Any], title: str) -> Response:
        """Start the job; go on to its page, which restricted users can't see."""
        ids = [customer.pk for customer in customers]
        job = start_batch(
            operation=self.operation, customer_ids=ids, choices=choices, title=title, by=self.user, at=timezone.now()
        )
        wake(self.request)
        to = job if allowed_seller_ids(self.request) is None else list_url(Customer)
        return self.done(gettext("Started for %(customers)s.") % {"customers": count_customers(customers)}, to=to)


class CouponForManyForm(StaffForm):
    coupon = forms.ModelChoiceField(label=_("Coupon"), queryset=Coupon.objects.none())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["coupon"].queryset = Coupon.objects.redeemable(timezone.now()).order_by("code")
        self.fields["coupon"].label_from_instance = choice


class GiveCouponToMany(CustomerSelection):
    label = verb = _("Apply coupon")
    permission = "billing.add_redemption"
    operation = BatchOperation.COUPON
    form_class = CouponForManyForm

    def preview(self, customers: list[Customer]) -> Preview:
        return Preview(
            title=gettext("Apply a coupon to %(customers)s") % {"customers": count_customers(customers)},
            consequences=[
                gettext("It discounts the next invoices of all their subscriptions, after the coupons they have."),
                gettext("Customers whom the coupon doesn't fit, or who have it, are listed afterwards."),
            ],
            problems=self.problems(customers),
        )

    def run(self, customers: list[Customer]) -> Response:
        coupon = self.choices["coupon"]
        title = gettext("Coupon %(coupon)s for %(customers)s")
        names = {"coupon": coupon.code, "customers": count_customers(customers)}
        return self.start(customers, {"coupon": coupon.pk}, title % names)


class TagChangeForm(StaffForm):
    add = TagsText(label=_("Add tags"))
    remove = TagsText(label=_("Remove tags"), help_text="")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.errors and not cleaned["add"] and not cleaned["remove"]:
            self.add_error(None, gettext("Enter a tag to add or to remove."))
        return cleaned


class ChangeTagsOfMany(CustomerSelection):
    label, verb = _("Change tags"), _("Change tags")
    permission = "customers.change_customer"
    operation = BatchOperation.TAGS
    form_class = TagChangeForm

    def preview(self, customers: list[Customer]) -> Preview:
        return Preview(
            title=gettext("Change tags of %(customers)s") % {"customers": count_customers(customers)},
            consequences=[gettext("Other tags stay as they are.")],
            problems=self.problems(customers),
        )

    def run(self, customers: list[Customer]) -> Response:
        title = gettext("Tags of %(customers)s") % {"customers": count_customers(customers)}
        return self.start(customers, self.choices, title)


class EmailPortalLinks(CustomerSelection):
    label, verb = _("Email portal links"), _("Email portal links")
    permission = "customers.add_portallink"
    operation = BatchOperation.PORTAL_LINKS

    def preview(self, customers: list[Customer]) -> Preview:
        contacts = Contact.objects.filter(customer=OuterRef("pk"))
        ids = [customer.pk for customer in customers]
        without = Customer.objects.filter(~Exists(contacts), pk__in=ids).count()
        warning = ngettext(
            "%(count)s customer has no contact and gets no link.",
            "%(count)s customers have no contact and get no link.",
            without,
        )
        return Preview(
            title=gettext("Email a portal link to %(customers)s") % {"customers": count_customers(customers)},
            consequences=[
                gettext("The first billing contact of each gets a link by email, which works once and for minutes.")
            ],
            warnings=[warning % {"count": format_number(without)}] if without else [],
            problems=self.problems(customers),
        )

    def run(self, customers: list[Customer]) -> Response:
        title = gettext("Portal links for %(customers)s") % {"customers": count_customers(customers)}
        return self.start(customers, {"origin": portal_origin(self.request)}, title)


class MigrateSelection(CustomerSelection):
    """Go to the form of a migration with the customers filled in; it counts and previews before anything moves."""

    label, verb = _("Plan a migration"), _("Continue")
    permission = PLAN

    def preview(self, customers: list[Customer]) -> Preview:
        return Preview(
            title=gettext("Plan a migration of %(customers)s") % {"customers": count_customers(customers)},
            consequences=[
                gettext("The form of a migration opens with their IDs. You choose the plan and the date there."),
                gettext("Nothing moves before you have seen the effect."),
            ],
            problems=self.problems(customers),
        )

    def run(self, customers: list[Customer]) -> HttpResponseBase:
        self.request.session[SELECTED_IDS] = [customer.external_id for customer in customers]
        return self.go(reverse("admin:billing_planmigration_plan"))
