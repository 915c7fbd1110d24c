"""Jobs that do the same to many customers."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import TextChoices
from django.utils.translation import gettext as _

from billing.jobs.row_batches import MAX_ROWS, RowBatch
from billing.models import Job
from billing.models.jobs import JobKind
from billing.subscriptions.terms.coupon_refusals import CouponRefused
from billing.subscriptions.terms.coupons import apply_customer_coupon
from customers.customer_time import current_time
from customers.models import Contact, Customer
from customers.models.contacts import ContactRole
from customers.portal_auth.magic_links import invite_contact
from lib.label_changes import set_labels
from lib.labels import clean_tags, validate_tags
from plans.models import Coupon

MAX_CUSTOMERS = MAX_ROWS


class BatchOperation(TextChoices):
    COUPON = "coupon"
    TAGS = "tags"
    PORTAL_LINKS = "portal_links"


class CustomerNotChanged(Exception):
    """The operation is not possible for a customer; the text says why."""


def start_batch(
    *,
    operation: BatchOperation,
    customer_ids: Collection[int],
    choices: Mapping[str, Any],
    title: str,
    by: User,
    at: datetime,
) -> Job:
    """
    Store a job for at most `MAX_CUSTOMERS` customers.

    choices: of the operation: `coupon`, the id of one; `add` and `remove`, lists of tags; or `origin`, the address of
        the portal.
    """
    parameters = {"operation": operation.value, **choices}
    return _BATCH.start(kind=JobKind.CUSTOMER_BATCH, ids=customer_ids, choices=parameters, title=title, by=by, at=at)


def _find(customer_id: int) -> Customer:
    return Customer.objects.select_related("test_clock").get(pk=customer_id)


def _process(customer: Customer, job: Job, at: datetime) -> str:
    if customer.erased_at is not None:
        raise CustomerNotChanged(_("The customer's personal data was erased."))
    _OPERATIONS[job.parameters["operation"]](customer, job, at)
    return "changed"


def _apply_coupon(customer: Customer, job: Job, at: datetime) -> None:
    coupon = Coupon.objects.get(pk=job.parameters["coupon"])
    apply_customer_coupon(customer=customer, coupon=coupon, at=current_time(customer), by=job.by)


def _change_tags(customer: Customer, job: Job, at: datetime) -> None:
    # Row lock: a change of the same customer's tags in between would be lost.
    locked = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
    tags = clean_tags({*locked.tags, *job.parameters["add"]} - {*job.parameters["remove"]})
    try:
        validate_tags(tags)
    except ValidationError as error:
        raise CustomerNotChanged(" ".join(error.messages)) from error
    if tags != locked.tags:
        set_labels(locked, tags=tags, by=job.by, at=current_time(customer))


def _email_portal_link(customer: Customer, job: Job, at: datetime) -> None:
    contact = (
        Contact.objects.filter(customer=customer).exclude(role=ContactRole.NONE).order_by("-billing", "email").first()
    )
    if contact is None:
        raise CustomerNotChanged(_("The customer has no contact."))
    if job.by is not None:
        invite_contact(contact=contact, origin=job.parameters["origin"], by=job.by, at=at)


_OPERATIONS: dict[str, Callable[[Customer, Job, datetime], None]] = {
    BatchOperation.COUPON: _apply_coupon,
    BatchOperation.TAGS: _change_tags,
    BatchOperation.PORTAL_LINKS: _email_portal_link,
}

_BATCH = RowBatch(
    parameter="customer",
    find=_find,
    name=lambda customer: str(customer.external_id),
    process=_process,
    refusals=(CustomerNotChanged, CouponRefused),
)

CUSTOMER_BATCH = _BATCH.definition(permission="customers.change_customer")
"""The definition of this job."""
