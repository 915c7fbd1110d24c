"""
Erase the personal data of a customer: docs/personal-data.md#erasure.

Records that sellers must keep by law stay: invoices with their snapshot, payments, the ledger. Everything else that
names a person is erased, and the customer stays under a pseudonym, so that sums, seals and the audit stay valid.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import pgtrigger
from django.contrib.auth.models import User
from django.db.models import TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext

from access.audit_log import record_erasures
from billing.metering.store.unmatched_usage import rule_of
from billing.models import Subscription
from billing.privacy.erasure_blockers import find_erasure_blockers
from billing.privacy.external_erasure import TRACE_STATEMENTS, rename_statements
from billing.privacy.usage_erasure import strip_events
from billing.triggers import IGNORE_LOCK_ID
from customers.models import Customer
from lib import sql
from lib.audit_log import audited_transaction

ERASED_NAME = "Erased"

SUSPENDED_TRIGGERS = (
    *("customers.CustomerEvent:append_only", "customers.ContactEvent:append_only"),
    *("billing.SubscriptionEvent:append_only", "customers.Notification:notification_stays_as_written"),
    *("billing.UnmatchedUsage:unmatched_usage_is_resolved_once", "invoices.PaymentMethodEvent:append_only"),
    *("billing.IgnoreRule:ignore_rule_is_only_removed", "billing.IgnoreRuleEvent:append_only"),
    *("invoices.PaymentAttemptEvent:append_only", "invoices.RefundEvent:append_only"),
    *("billing.PlanMigrationEvent:append_only", "billing.JobEvent:append_only"),
    *("invoices.BankLineEvent:append_only", "invoices.InvoiceLabelsEvent:append_only"),
    "invoices.InvoiceNote:append_only",
    *("invoices.PaymentAttempt:payment_attempt_is_settled_once", "invoices.Refund:refund_is_settled_once"),
)
"""Triggers that protect the erased columns from all other code."""


class ErasureRefused(Exception):
    """
    The customer has running subscriptions, debts or credits; `reasons` are sentences with the cause and the remedy.
    """

    def __init__(self, customer: Customer, reasons: Sequence[str]) -> None:
        super().__init__(
            gettext("%(customer)s can't be erased yet. %(reasons)s")
            % {"customer": customer.external_id, "reasons": " ".join(reasons)}
        )
        self.reasons = list(reasons)


class ErasureResult(NamedTuple):
    """The result of an erasure: the customer's new external id, and how many events were stripped."""

    name: str
    events: int


def erase(*, customer_id: int, at: datetime, by: User | None = None) -> ErasureResult:
    """
    Erase the personal data of a customer, and of its sandbox clones, in one transaction. Repeating it is no error.

    :raises ErasureRefused: if a subscription runs, money is owed, or prepaid value is left.
    """
    with audited_transaction("erase personal data", by=by, at=at, customer=customer_id):
        # Row lock: the checks stay true until the erasure is committed, and two erasures can't overlap.
        customer = Customer.objects.select_for_update().get(pk=customer_id)
        if customer.erased_at is not None:
            return ErasureResult(customer.external_id, 0)
        if reasons := find_erasure_blockers(customer):
            raise ErasureRefused(customer, reasons)
        # Clones hold copies of the same data.
        clones = Customer.objects.filter(cloned__source=customer, erased_at__isnull=True)
        for clone in clones.select_for_update().order_by("pk"):
            _erase(clone, at)
        erased = _erase(customer, at)
        record_erasures(at=at)
        return erased


def _erase(customer: Customer, at: datetime) -> ErasureResult:
    former = {name: getattr(customer, name) for name in ("external_id", "legal_name", "email")}
    people = [text for pair in customer.contacts.values_list("name", "email") for text in pair]
    name = f"erased-{customer.pk}"
    with pgtrigger.ignore(*SUSPENDED_TRIGGERS):
        names = _rename_subscriptions(customer)
        _blank_customer(customer, name, at)
        texts = [text for text in (*former.values(), *people) if text]
        parameters = {
            "id": customer.pk,
            "name": name,
            "former": former["external_id"],
            "sandbox": customer.sandbox,
            "texts": texts,
            "quoted": [f'"{text}"' for text in texts],
            "encoded": [quote_plus(text) for text in texts],
            "mailboxes": [text.lower() for text in texts if "@" in text],
            "blank": ERASED_NAME,
            "at": at,
            "segments": [former["external_id"], *names],
        }
        customer.contacts.all().delete()
        for statement in (*_STATEMENTS, *TRACE_STATEMENTS):
            _run(statement, parameters)
        for before, after in {former["external_id"]: name, **names}.items():
            quoted = {"quoted_former": json.dumps(before, ensure_ascii=False), "quoted_new": f'"{after}"'}
            for statement in rename_statements():
                _run(statement, quoted)
    # The events' trigger lets this transaction strip this customer's events (billing/metering/store/event_table.py).
    _run("SELECT set_config('tollbook.erasing', %(id)s::text, true)", {"id": customer.pk})
    events = strip_events(customer_id=customer.pk, new_name=name, new_subscription_names=names)
    _run("SELECT set_config('tollbook.erasing', '', true)", {})
    return ErasureResult(name, events)


def _run(statement: str, parameters: Mapping[str, Any]) -> None:
    """
    Execute a statement with named parameters, as positional ones: `pgtrigger.ignore` prepends a positional parameter.
    """
    names = _NAMED.findall(statement)
    sql.execute(_NAMED.sub("%s", statement), [parameters[name] for name in names])


_NAMED = re.compile(r"%\((\w+)\)s")


def _rename_subscriptions(customer: Customer) -> dict[str, str]:
    """Give subscriptions anonymous external ids, and return former id → new one."""
    subscriptions = Subscription.objects.filter(customer=customer)
    former = dict(subscriptions.values_list("pk", "external_id"))
    new_name = Concat(Value(f"erased-{customer.pk}-"), Cast("pk", TextField()))
    subscriptions.update(external_id=new_name, metadata={}, tags=[])
    return {before: f"erased-{customer.pk}-{pk}" for pk, before in former.items()}


def _blank_customer(customer: Customer, name: str, at: datetime) -> None:
    for field in BLANKED:
        setattr(customer, field, "")
    customer.legal_name, customer.external_id, customer.erased_at = ERASED_NAME, name, at
    customer.owner, customer.metadata, customer.tags = None, {}, []
    customer.tax_number_is_valid = customer.tax_number_checked_at = None
    customer.save()


BLANKED = (
    *("address_line1", "address_line2", "postal_code", "city", "region", "tax_number", "email"),
    *("purchase_order", "tax_exemption", "checked_tax_number", "tax_number_proof"),
)
"""
Columns of a customer that are blank afterwards; country, currency, time zone and language stay, because sums of
invoices depend on them.
"""

_BLANK_COLUMNS = ", ".join(f"{column} = ''" for column in BLANKED)

_STATEMENTS = (
    # Mail and webhooks: recipients, contents and responses.
    "DELETE FROM customers_delivery WHERE notification_id IN (SELECT id FROM customers_notification WHERE "
    "customer_id = %(id)s)",
    "DELETE FROM customers_notification WHERE customer_id = %(id)s",
    # History keeps who changed a row and when, but no contents.
    "UPDATE customers_contactevent SET name = '', email = '', language = '' WHERE customer_id = %(id)s",
    f"UPDATE customers_customerevent SET {_BLANK_COLUMNS}, legal_name = %(blank)s, external_id = %(name)s,"  # noqa: S608
    " metadata = '{}', tags = '{}', owner_id = NULL, tax_number_is_valid = NULL, tax_number_checked_at = NULL"
    " WHERE pgh_obj_id = %(id)s",
    """
    UPDATE billing_subscriptionevent e
    SET external_id = s.external_id, drafted = '{}', metadata = '{}', tags = '{}'
    FROM billing_subscription s WHERE s.customer_id = %(id)s AND e.pgh_obj_id = s.id
    """,
    "DELETE FROM invoices_invoicenote WHERE invoice_id IN (SELECT id FROM invoices_invoice WHERE customer_id ="
    " %(id)s)",
    # The history records the deletion, too, so it is blanked afterwards.
    "DELETE FROM invoices_invoicelabels WHERE invoice_id IN (SELECT id FROM invoices_invoice WHERE customer_id ="
    " %(id)s)",
    """
    UPDATE invoices_invoicelabelsevent e SET metadata = '{}', tags = '{}'
    FROM invoices_invoice i WHERE i.id = e.invoice_id AND i.customer_id = %(id)s
    """,
    """
    UPDATE pghistory_context SET metadata = metadata - 'url' - 'reason'
    WHERE string_to_array(metadata ->> 'url', '/') && %(segments)s::text[] OR id IN (
        SELECT pgh_context_id FROM customers_customerevent WHERE pgh_obj_id = %(id)s
        UNION ALL SELECT pgh_context_id FROM customers_contactevent WHERE customer_id = %(id)s)
    """,
    # Stored API responses, which are kept for a day, and contents of jobs, kept for ninety.
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
    # Targets' answers may repeat what they refused. The next search sends the erased content.
    """
    UPDATE billing_syncrecord SET log = '[]', error = CASE error WHEN '' THEN '' ELSE 'Erased.' END
    WHERE kind = 'company' AND row_id = %(id)s
        OR kind = 'deal' AND row_id IN (SELECT id FROM billing_subscription WHERE customer_id = %(id)s)
        OR kind = 'invoice' AND row_id IN (SELECT id FROM invoices_invoice WHERE customer_id = %(id)s)
    """,
    # Views of lists that staff saved, if a search in them names the customer or a contact.
    """
    DELETE FROM access_savedview v
    WHERE EXISTS (SELECT FROM unnest(%(texts)s::text[] || %(encoded)s::text[]) AS t(text)
        WHERE position(lower(t.text) IN lower(v.query)) > 0 OR position(lower(t.text) IN lower(v.name)) > 0)
    """,
    # Ingest must not use cached copies with the former external id.
    """
    UPDATE billing_period p SET revision = p.revision + 1 FROM billing_subscription s
    WHERE s.id = p.subscription_id AND s.customer_id = %(id)s
    """,
    # Rows that refer to the customer and its subscriptions by external id.
    f"SELECT pg_advisory_xact_lock_shared({IGNORE_LOCK_ID})",
    "UPDATE billing_ignorerule SET customer_ref = %(name)s WHERE customer_ref = %(former)s AND NOT %(sandbox)s",
    "UPDATE billing_ignoreruleevent SET customer_ref = %(name)s WHERE customer_ref = %(former)s AND NOT %(sandbox)s",
    f"""
    UPDATE billing_unmatchedusage u SET customer_ref = %(name)s, detail = '',
        ignore_rule_id = CASE WHEN u.resolved_at IS NULL THEN {rule_of("u", customer_ref="%(name)s")} END
    WHERE customer_id = %(id)s OR (customer_ref, sandbox) = (%(former)s, %(sandbox)s)
    """,  # noqa: S608
    """
    UPDATE billing_reservation r SET subscription_ref = s.external_id FROM billing_period p
    JOIN billing_subscription s ON s.id = p.subscription_id
    WHERE r.customer_id = %(id)s AND p.id = r.period_id AND r.subscription_ref <> ''
    """,
    "UPDATE billing_event SET customer_id = %(id)s WHERE customer_id IS NULL AND customer_ref = %(former)s"
    " AND sandbox = %(sandbox)s",
)
