"""
Forget the people at a customer: docs/personal-data.md#erasure.

What the law makes a seller keep stays: documents with their snapshot, payments, the ledger. Everything else that
names anybody goes, and the customer goes on under a pseudonym, so that sums, seals and the audit still hold.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import pgtrigger
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.db.models import TextField, Value
from django.db.models.functions import Cast, Concat

from billing.models import Subscription
from billing.privacy.erasure_blockers import find_erasure_blockers
from billing.privacy.external_erasure import TRACE_STATEMENTS, rename_statements
from billing.privacy.usage_erasure import strip_events
from customers.models import Customer
from lib.audit_log import audited_transaction

ERASED_NAME = "Erased"

SUSPENDED_TRIGGERS = (
    *("customers.CustomerEvent:append_only", "customers.ContactEvent:append_only"),
    *("billing.SubscriptionEvent:append_only", "customers.Notification:notice_is_only_handed_out"),
    *("billing.UnmatchedUsage:unmatched_usage_is_resolved_once", "invoices.PaymentMethodEvent:append_only"),
    *("invoices.PaymentAttemptEvent:append_only", "invoices.RefundEvent:append_only"),
    *("billing.PlanMigrationEvent:append_only", "billing.JobEvent:append_only"),
    *("invoices.PaymentAttempt:charge_is_settled_once", "invoices.Refund:refund_is_settled_once"),
)
"""Triggers that keep what is erased here from everybody else."""


class ErasureRefused(Exception):
    """Something runs, is due or is left; `reasons` are sentences that say what, and what to do."""

    def __init__(self, customer: Customer, reasons: Sequence[str]) -> None:
        super().__init__(f"{customer.external_id} cannot be erased yet. {' '.join(reasons)}")
        self.reasons = list(reasons)


class ErasureResult(NamedTuple):
    """What was done: the customer's new name, and how many events say less now."""

    name: str
    events: int


def erase(*, customer_id: int, at: datetime, by: AbstractBaseUser | None = None) -> ErasureResult:
    """
    Erase what is personal of a customer, and of its clones in the sandbox, in one transaction. Again is no error.

    :raises CannotErase: if a subscription runs, money is owed, or something prepaid is left.
    """
    with audited_transaction("erase personal data", by=by, at=at, customer=customer_id):
        customer = Customer.objects.select_for_update().get(pk=customer_id)
        if customer.erased_at is not None:
            return ErasureResult(customer.external_id, 0)
        if reasons := find_erasure_blockers(customer):
            raise ErasureRefused(customer, reasons)
        clones = Customer.objects.filter(cloned__source=customer, erased_at__isnull=True)
        for clone in clones.select_for_update().order_by("pk"):
            _erase(clone, at)
        return _erase(customer, at)


def _erase(customer: Customer, at: datetime) -> ErasureResult:
    former = {name: getattr(customer, name) for name in ("external_id", "legal_name", "email")}
    people = [text for pair in customer.contacts.values_list("name", "email") for text in pair]
    name = f"erased-{customer.pk}"
    with pgtrigger.ignore(*SUSPENDED_TRIGGERS):
        names = _rename_subscriptions(customer)
        _blank(customer, name, at)
        texts = [text for text in (*former.values(), *people) if text]
        found = {
            "id": customer.pk,
            "name": name,
            "former": former["external_id"],
            "sandbox": customer.sandbox,
            "texts": texts,
            "quoted": [f'"{text}"' for text in texts],
            "mailboxes": [text.lower() for text in texts if "@" in text],
            "blank": ERASED_NAME,
            "at": at,
            "segments": [former["external_id"], *names],
        }
        customer.contacts.all().delete()
        for statement in (*_STATEMENTS, *TRACE_STATEMENTS):
            _run(statement, found)
        for before, after in {former["external_id"]: name, **names}.items():
            quoted = {"quoted_former": json.dumps(before, ensure_ascii=False), "quoted_new": f'"{after}"'}
            for statement in rename_statements():
                _run(statement, quoted)
    # The trigger of events lets this transaction strip those of this customer
    # (billing/metering/store/event_table.py).
    _run("SELECT set_config('tollbook.erasing', %(id)s::text, true)", {"id": customer.pk})
    events = strip_events(customer_id=customer.pk, new_name=name, new_subscription_names=names)
    _run("SELECT set_config('tollbook.erasing', '', true)", {})
    return ErasureResult(name, events)


def _run(statement: str, facts: Mapping[str, Any]) -> None:
    """Run a statement with facts by name; whoever sets triggers aside puts a fact by place before them."""
    wanted = _NAMED.findall(statement)
    with connection.cursor() as cursor:
        cursor.execute(_NAMED.sub("%s", statement), [facts[name] for name in wanted])


_NAMED = re.compile(r"%\((\w+)\)s")


def _rename_subscriptions(customer: Customer) -> dict[str, str]:
    """Give subscriptions names that tell nothing, and return former name → new one."""
    own = Subscription.objects.filter(customer=customer)
    former = dict(own.values_list("pk", "external_id"))
    own.update(external_id=Concat(Value(f"erased-{customer.pk}-"), Cast("pk", TextField())))
    return {before: f"erased-{customer.pk}-{pk}" for pk, before in former.items()}


def _blank(customer: Customer, name: str, at: datetime) -> None:
    for field in BLANKED:
        setattr(customer, field, "")
    customer.legal_name, customer.external_id, customer.erased_at = ERASED_NAME, name, at
    customer.owner = None
    customer.tax_number_is_valid = customer.tax_number_checked_at = None
    customer.save()


BLANKED = (
    *("address_line1", "address_line2", "postal_code", "city", "region", "tax_number", "email"),
    *("purchase_order", "tax_exemption", "checked_tax_number", "tax_number_proof"),
)
"""What of a customer is blank afterwards; country, currency, zone and language stay, for what documents add up to."""

_BLANK_COLUMNS = ", ".join(f"{column} = ''" for column in BLANKED)

_STATEMENTS = (
    # Mail and webhooks: to whom, about what, and what was answered.
    "DELETE FROM customers_delivery WHERE notification_id IN (SELECT id FROM customers_notification WHERE customer_id = %(id)s)",
    "DELETE FROM customers_notification WHERE customer_id = %(id)s",
    # History keeps who changed something and when, and forgets what it said.
    "UPDATE customers_contactevent SET name = '', email = '', language = '' WHERE customer_id = %(id)s",
    f"UPDATE customers_customerevent SET {_BLANK_COLUMNS}, legal_name = %(blank)s, external_id = %(name)s,"  # noqa: S608
    " owner_id = NULL, tax_number_is_valid = NULL, tax_number_checked_at = NULL WHERE pgh_obj_id = %(id)s",
    """
    UPDATE billing_subscriptionevent e SET external_id = s.external_id, drafted = '{}'
    FROM billing_subscription s WHERE s.customer_id = %(id)s AND e.pgh_obj_id = s.id
    """,
    """
    UPDATE pghistory_context SET metadata = metadata - 'url' - 'reason'
    WHERE string_to_array(metadata ->> 'url', '/') && %(segments)s::text[] OR id IN (
        SELECT pgh_context_id FROM customers_customerevent WHERE pgh_obj_id = %(id)s
        UNION ALL SELECT pgh_context_id FROM customers_contactevent WHERE customer_id = %(id)s)
    """,
    # Answers that are kept for a day, and what jobs hold for ninety.
    """
    DELETE FROM customers_idempotentrequest r
    WHERE EXISTS (SELECT FROM unnest(%(quoted)s::text[]) AS t(text) WHERE position(t.text IN r.body) > 0)
    """,
    """
    UPDATE billing_jobitem i SET findings = '[]', content = NULL FROM billing_job j
    WHERE j.id = i.job_id AND j.finished_at IS NOT NULL AND EXISTS (
        SELECT FROM unnest(%(texts)s::text[]) AS t(text) WHERE position(t.text IN i.findings::text) > 0
            OR position(convert_to(t.text, 'UTF8') IN i.content) > 0)
    """,
    # No process goes on by a copy of what the customer was called.
    """
    UPDATE billing_period p SET revision = p.revision + 1 FROM billing_subscription s
    WHERE s.id = p.subscription_id AND s.customer_id = %(id)s
    """,
    # What refers to the customer and its subscriptions by name.
    """
    UPDATE billing_unmatchedusage SET customer_ref = %(name)s, detail = ''
    WHERE customer_id = %(id)s OR (customer_ref, sandbox) = (%(former)s, %(sandbox)s)
    """,
    """
    UPDATE billing_reservation r SET subscription_ref = s.external_id FROM billing_period p
    JOIN billing_subscription s ON s.id = p.subscription_id
    WHERE r.customer_id = %(id)s AND p.id = r.period_id AND r.subscription_ref <> ''
    """,
    "UPDATE billing_event SET customer_id = %(id)s WHERE customer_id IS NULL AND customer_ref = %(former)s"
    " AND sandbox = %(sandbox)s",
)
