"""Unmatched usage: reported with its event and the reason, until reprocessing attributes it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from billing.triggers import IGNORE_LOCK_ID
from lib import prepared_statements


class UnmatchedReport(NamedTuple):
    """One event, or one meter's part of an event, that adds to no counter. `key` is 32 hexadecimal digits."""

    key: str
    customer_id: int | None
    meter_id: int | None
    reason: str
    detail: str


class OpenReport(NamedTuple):
    """An unresolved report. `key` is its event's, 32 hexadecimal digits."""

    id: int
    key: str
    sandbox: bool
    meter_id: int | None
    reason: str
    detail: str


# The rule of a report is stored with it, so that no read compares each report with each rule.
FIRST_RULE = """
(SELECT min(r.id) FROM billing_ignorerule r
    WHERE r.removed_at IS NULL AND NOT {sandbox} AND r.customer_ref IN ('', {customer_ref})
        AND r.event_name IN ('', {event_name}) AND (r.meter_id IS NULL OR r.meter_id = {meter_id})
        AND r.unmatched_reason IN ('', {reason}))
"""
"""SQL for the ignore rule of a report: the first one in force that matches it, of live usage."""


def rule_of(alias: str, **changes: str) -> str:
    """Return the SQL for the rule of a row of billing_unmatchedusage. changes: column → SQL for its new value."""
    names = ("sandbox", "customer_ref", "event_name", "meter_id", "reason")
    return FIRST_RULE.format(**({name: f"{alias}.{name}" for name in names} | changes))


_SHARE_RULES = f"SELECT pg_advisory_xact_lock_shared({IGNORE_LOCK_ID})"
_LOCK_RULES = f"SELECT pg_advisory_xact_lock({IGNORE_LOCK_ID})"


def share_rules() -> None:
    """
    Keep the ignore rules as they are until the transaction ends.

    Before any report is locked or written: a change of rules waits for this lock, and then locks reports.
    """
    with prepared_statements.cursor() as cursor:
        cursor.execute(_SHARE_RULES)


def lock_rules() -> None:
    """Wait until no transaction reports or changes unmatched usage, and exclude them until this one ends."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(_LOCK_RULES)


_APPLY_RULES = f"""
UPDATE billing_unmatchedusage u SET ignore_rule_id = {rule_of("u")}
WHERE u.resolved_at IS NULL AND NOT u.sandbox AND %(candidates)s
"""  # noqa: S608
_APPLY_NEW_RULE = _APPLY_RULES.replace(
    "%(candidates)s",
    """u.ignore_rule_id IS NULL AND EXISTS (
        SELECT FROM billing_ignorerule n WHERE n.id = %s AND n.customer_ref IN ('', u.customer_ref)
            AND n.event_name IN ('', u.event_name) AND (n.meter_id IS NULL OR n.meter_id = u.meter_id)
            AND n.unmatched_reason IN ('', u.reason))""",
)
_REPLACE_REMOVED_RULE = _APPLY_RULES.replace("%(candidates)s", "u.ignore_rule_id = %s")


def apply_new_rule(rule_id: int) -> int:
    """Let a rule ignore the open reports that it matches; return how many. `lock_rules` comes first."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(_APPLY_NEW_RULE, [rule_id])
        return cursor.rowcount


def replace_removed_rule(rule_id: int) -> int:
    """
    Give the reports of a removed rule their next rule, or none; return how many they are. `lock_rules` comes first.
    """
    with prepared_statements.cursor() as cursor:
        cursor.execute(_REPLACE_REMOVED_RULE, [rule_id])
        return cursor.rowcount


_REPORT = f"""
INSERT INTO billing_unmatchedusage (event_key, sequence, occurred_at, sandbox, customer_id, customer_ref, event_name,
    meter_id, reason, detail, ignore_rule_id)
SELECT e.key, e.sequence, e.occurred_at, e.sandbox, u.c, e.customer_ref, e.name, u.m, u.r, u.t,
    {rule_of("e", event_name="e.name", meter_id="u.m", reason="u.r")}
FROM jsonb_to_recordset(%s::jsonb) AS u(k uuid, c bigint, m bigint, r text, t text)
JOIN billing_event e ON e.key = u.k
"""  # noqa: S608


def report(reports: Sequence[UnmatchedReport]) -> None:
    """Store these reports; their events are stored already, in the same transaction."""
    if not reports:
        return
    document = msgspec.json.encode(
        [
            {
                "k": unmatched.key,
                "c": unmatched.customer_id,
                "m": unmatched.meter_id,
                "r": unmatched.reason,
                "t": unmatched.detail,
            }
            for unmatched in reports
        ]
    )
    share_rules()
    with prepared_statements.cursor() as cursor:
        cursor.execute(_REPORT, [document.decode()])


class ReportState(NamedTuple):
    """The state of a report. `resolved_sequence`: its number in the sequence of events since it was attributed."""

    reason: str
    resolved_at: datetime | None = None
    resolved_sequence: int | None = None


ReportsByEvent = dict[str, dict[int | None, ReportState]]
"""Event's key → meter (None for the whole event) → report."""

_READ = """
SELECT event_key, meter_id, reason, resolved_at, resolved_sequence FROM billing_unmatchedusage
WHERE event_key = ANY(%s::uuid[])
"""


def read_reports(keys: Collection[str]) -> ReportsByEvent:
    """Return the reports of these events, open and resolved."""
    reports: ReportsByEvent = {}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_READ, [list(keys)], binary=True)
        for key, meter_id, *report in cursor.fetchall():
            reports.setdefault(key.hex, {})[meter_id] = ReportState(*report)
    return reports


# In the order of ids: two workers that reprocess the same events wait instead of deadlocking.
_LOCK = """
SELECT id, customer_id, resolved_at FROM billing_unmatchedusage
WHERE event_key = ANY(%s::uuid[]) ORDER BY id FOR UPDATE
"""


def lock_reports(keys: Collection[str]) -> list[tuple[int, int | None]]:
    """
    Lock the reports of these events against a concurrent reprocess; return the open ones with their customers.

    Executed twice: a reprocess that the first statement waited for may have replaced a report of the whole event by
    reports per meter.
    """
    share_rules()
    with prepared_statements.cursor() as cursor:
        # See above: the second statement sees the rows that the first one waited for.
        for _ in range(2):
            cursor.execute(_LOCK, [list(keys)])
        return [(id_, customer_id) for id_, customer_id, resolved_at in cursor.fetchall() if resolved_at is None]


# SKIP LOCKED: several workers reprocess different reports.
_LOCK_NEXT = """
SELECT id, event_key, sandbox, meter_id, reason, detail FROM billing_unmatchedusage
WHERE resolved_at IS NULL AND id > %(after)s AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s))
ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""


def lock_next_reports(*, after: int, ids: Collection[int] | None, limit: int) -> list[OpenReport]:
    """Lock the next open reports after an id, optionally limited to `ids`; skip those that another worker holds."""
    share_rules()
    with prepared_statements.cursor() as cursor:
        cursor.execute(_LOCK_NEXT, {"after": after, "ids": None if ids is None else list(ids), "limit": limit})
        return [OpenReport(id_, key.hex, *rest) for id_, key, *rest in cursor.fetchall()]


_UPDATE_REASONS = f"""
UPDATE billing_unmatchedusage u SET reason = c.reason, detail = c.detail, customer_id = c.customer,
    ignore_rule_id = {rule_of("u", reason="c.reason")}
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[]) AS c(id, reason, detail, customer) WHERE u.id = c.id
"""  # noqa: S608


def update_reasons(reports: Sequence[tuple[int, str, str, int | None]]) -> None:
    """Store the new reasons of reports that stay open: (id, reason, detail, customer)."""
    if reports:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_UPDATE_REASONS, [list(column) for column in zip(*reports, strict=True)])


_RESOLVE = """
UPDATE billing_unmatchedusage u SET resolved_at = %s, resolved_sequence = r.sequence, customer_id = r.customer,
    ignore_rule_id = NULL
FROM (SELECT id, customer, nextval('billing_event_sequence') AS sequence
    FROM unnest(%s::bigint[], %s::bigint[]) AS t(id, customer)) r
WHERE u.id = r.id
"""


def resolve(reports: Sequence[tuple[int, int | None]], *, at: datetime) -> None:
    """Resolve reports (id, customer), each with a sequence number of its own; their periods are locked already."""
    if reports:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_RESOLVE, [at, *([*column] for column in zip(*reports, strict=True))])


_ASSIGN_CUSTOMERS = """
UPDATE billing_event e SET customer_id = n.customer
FROM unnest(%s::uuid[], %s::bigint[]) AS n(key, customer) WHERE e.key = n.key AND e.customer_id IS NULL
"""


def assign_customers(customers: Mapping[str, int]) -> None:
    """
    Set the customer of events, by their keys, where it was unknown; an event's customer never changes afterwards.
    """
    if customers:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_ASSIGN_CUSTOMERS, [list(customers), list(customers.values())])
