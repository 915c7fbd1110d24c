"""
Change any one field of any one row while triggers are disabled: the audit finds it, or the database rejects it.

The fields are those of the models, so a new column is tested automatically: a check must cover it, or this file must
list it with the reason why no value of it can be wrong.
"""

from collections import Counter
from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Field, Model

from billing.audit.records.schema_checks import our_models
from tests.billing.audit.books import make_books
from tests.billing.audit.corruption_search import Seeker

PLACES = (0, -1)
"""Rows of a table whose fields are corrupted, one at a time: the first and the last."""

ANY_VALUE_IS_FINE = {
    "plans_catalogrevision.revision": "processes only ask whether it is another number",
    "customers_portallink.way": "by what somebody came in, for people",
    "customers_portallink.email": "an address that anybody typed; it is kept for a day",
    "customers_portallink.customer_id": "whose account it led to; it is over within the hour",
    "customers_portallink.contact_id": "see above",
    "customers_portallink.by_id": "who made it",
    "customers_portallink.requested_from": "a digest, by which asking is bounded for an hour",
    "customers_portallink.origin": "the host that was asked",
    "customers_portallink.secret_sha256": "any other digest is another secret's; the link stops working",
    "customers_portallink.created_at": "says when it may be forgotten",
    "customers_portallink.expires_at": "within an hour of its making",
    "customers_portallink.emailed_at": "when it was mailed",
    "customers_portallink.used_at": "when it was used",
    "customers_portalsession.customer_id": "whose account it is in; with another's contact it is over",
    "customers_portalsession.contact_id": "see above",
    "customers_portalsession.email": "with another one than its contact's it is over",
    "customers_portalsession.way": "by what somebody came in, for people",
    "customers_portalsession.by_id": "who looks",
    "customers_portalsession.secret_sha256": "any other digest is another secret's; the session is over",
    "customers_portalsession.began_at": "when somebody came in",
    "customers_portalsession.seen_at": "when they were there last",
    "customers_portalsession.expires_at": "within 12 hours of its begin",
    "customers_portalsession.ended_at": "when it was over",
    "customers_apikey.last_used_at": "when the key was used last, and nothing but that",
    "customers_apikey.secret_sha256": "any other digest is another secret's; the key stops working",
    "customers_idempotentrequest.key": "the sender's own choice",
    "customers_webhookendpoint.failing_since": "says when to disable it",
    "customers_webhookendpoint.previous_until": "says until when messages have two signatures",
    "customers_delivery.state": "among those that go on, and those that ended: what a receiver did is its own",
    "customers_delivery.attempts": "says how long to wait before the next one",
    "customers_delivery.next_at": "says when to try again",
    "customers_delivery.tried_at": "when it was tried last, for people",
    "customers_delivery.status": "what the receiver said last, for people",
    "customers_delivery.answer": "what the receiver said last, for people",
    "customers_idempotentrequest.request_sha256": "any other digest is the digest of another request",
    "customers_idempotentrequest.status": "any success may have been the answer",
    "customers_idempotentrequest.body": "what was answered; it is kept for a day",
    "customers_idempotentrequest.created_at": "says when it may be forgotten",
    "billing_period.revision": "processes only ask whether it is another number",
    "billing_period.closed_at": "any moment from its end to its document's issue; see the bounds below",
    "billing_billedusage.high_water_mark": "any number before the counter's next event; see the bounds below",
    "billing_event.received_at": "nothing depends on it, unless the event had no time of its own; see below",
    "billing_periodgrant.revision": "says whether it is to be fitted anew",
    "billing_period.settles": "what it gave back is checked against it; where no end has moved, it says nothing",
    "billing_period.error": "tells why a close failed, for people",
    "billing_period.attempts": "says how long to wait before the next one",
    "billing_job.kind": "what it did has rows of its own, which say where they come from",
    "billing_job.split_tries": "says when to give it up",
    "billing_jobitem.parameters": "says which rows of the file an item held, for people",
    "billing_jobitem.content": "what was sent, to be mended; what came of it is in the events",
    "billing_jobitem.tries": "says when to give it up",
    "billing_jobitem.error": "tells why a try came to nothing, for people",
    "billing_jobitem.findings": "tells what was refused, for people",
    "billing_jobitem.begun_at": "says when to try again",
    "billing_jobitem.finished_at": "when it was done; what it did has times of its own",
    "billing_correction.corrected_at": "when it was asked for; see the check for a replacement's",
    "billing_unmatchedusage.detail": "tells what was wrong, for people",
    "billing_unmatchedusage.reason": "of a report that is resolved, nothing repeats it; of an open one, see below",
    "billing_unmatchedusage.resolved_at": "when it was tried again; of one that a correction resolved, see below",
    "wallets_wallet.debt_limit": "any limit that was allowed once; see the bounds of balances",
    "wallets_hold.reference": "the asker's own choice",
    "wallets_hold.feature_id": "of an open hold it says which lots it may have; of a committed one, see below",
    "wallets_hold.at": "of an open hold it says which lots it may have; of a committed one, see below",
    "wallets_hold.until": "when it would have ended by itself",
    "wallets_hold.ended_at": "when it ended; what it did has a time of its own",
    "wallets_holdshare.lot_id": "of a hold that has ended nothing depends on it; of an open one, see its lots",
    "billing_drawdown.times": "names the next movement, and a name that was given is refused",
    "invoices_payment.reference": "the bank's own, or whoever's who recorded it",
    "invoices_payment.paid_at": "the bank's own; never after it was recorded",
    "invoices_payment.method": "how it came, by whoever recorded it",
    "invoices_payment.created_at": "when it was recorded: any moment after its invoice was issued",
    "invoices_payment.reason": "what a person said",
    "invoices_payment.by_id": "who said it",
    "billing_clone.customer_id": "whose usage it is is in the events; nothing else depends on it",
    "billing_clone.source_id": "says whose usage is used again from now on",
    "billing_clone.since": "says from when on usage is used again, as the clock comes to it",
    "billing_clone.until": "see above",
    "billing_clone.created_at": "when it was made",
    "billing_clone.created_by_id": "who made it",
    "billing_reservation.reference": "the caller's own choice; of one with a hold, that repeats it",
    "billing_reservation.properties": "say which rate it is for; see the check of rates",
    "billing_reservation.quantity": "of an open one it limits others, until it ends by itself",
    "billing_reservation.cost": "of an open one it limits others, until it ends by itself",
    "billing_reservation.until": "when it ends by itself; of one with a hold, that repeats it",
    "billing_reservation.ended_at": "when it ended; what it did has a time of its own",
    "billing_reservation.used": "what a repeated commit is told; what was used is in the events",
    "billing_alert.recovered_at": "when it was so no more; what was told of it says the same",
    "billing_alert.acknowledged_at": "when a person had seen it",
    "billing_changecursor.source": "what is followed under no name begins anew",
    "billing_changecursor.position": "where the next look begins; what was seen is seen again, see the bound below",
    "billing_changecursor.noted": "see above",
    "billing_changecursor.horizon": "see above",
    "billing_changecursor.looked_at": "says when everybody is looked after next",
    "billing_thresholdcheck.events": "says whether a period is looked at again; what was billed of it is in its lines",
    "billing_thresholdcheck.period_id": "see above",
    "billing_pendingevaluation.customer_id": "who is looked after next; everybody is in the next round",
    "billing_pendingevaluation.due_at": "who is looked after first; one who waits for an hour is told of, see below",
    "billing_pendingevaluation.is_whole": "says what is looked at next; all of it is in the next round",
    "invoices_balanceentry.at": "when it was made; entries of a balance have places of their own",
    "invoices_providerevent.provider": "what was told is never taken at its word: it says what to ask about",
    "invoices_providerevent.ref": "see above",
    "invoices_providerevent.kind": "see above",
    "invoices_providerevent.content": "see above",
    "invoices_providerevent.received_at": "when it came",
    "invoices_providerevent.next_at": "says when to ask",
    "invoices_providerevent.tries": "says when to give it up",
    "invoices_providerevent.done_at": "when it was followed; what that did has times of its own",
    "invoices_providerevent.outcome": "tells what came of it, for people",
    "invoices_rendering.attempts": "says how long to wait before the next one",
    "invoices_rendering.error": "tells why rendering failed, for people",
    "invoices_rendering.retry_at": "says when to try again",
    "invoices_rendering.rendered_at": "when the file was made, by the clock of whoever made it",
}

WORTH_A_SEAL = {
    "invoices_dunningact.invoice_id": "whom we went after, and how; what that did is in other rows, with a history",
    "invoices_dunningact.days": "see above",
    "invoices_dunningact.action": "see above",
    "invoices_dunningact.outcome": "see above",
    "invoices_dunningact.at": "see above",
    "billing_dunnedsubscription.act_id": "see above",
    "billing_dunnedsubscription.outcome": "see above",
    "billing_dunnedsubscription.at": "see above",
    "billing_dunnedsubscription.resumed_at": "see above",
    "customers_notification.message_id": "what receivers were told; nothing here repeats it, and no money follows from it",
    "customers_notification.kind": "see above",
    "customers_notification.customer_id": "see above",
    "customers_notification.facts": "see above",
    "customers_notification.key": "see above",
    "customers_notification.created_at": "see above",
    "invoices_invoice.purchase_order": "text of a document",
    "invoices_invoice.note": "text of a document",
    "invoices_invoice.reason": "what a person said, printed on a credit note",
    "invoices_invoice.credit_to": "where a person sent the money of a credit note",
    "invoices_rendering.invoice_id": "which document a file is of",
    "invoices_line.description": "text of a document",
    "invoices_line.unit": "text of a document",
    "invoices_invoicetax.name": "text of a document",
    "invoices_invoicetax.reason": "text of a document",
    "billing_correction.reason": "what a person said",
    "billing_alert.acknowledged_by_id": "who had seen it",
    "billing_correction.by_id": "who said it",
    "invoices_numberseries.code": "the name of a series",
    "invoices_numberseries.prefix": "what the next number is printed with",
}
"""Texts that nothing else in the database repeats: only a digest of the document, kept elsewhere, proves them."""

CHANGES = {
    "numeric": ("{c} + 1", "7"),
    "bigint": ("{c} + 1", "{c} + 1000000", "7"),
    "integer": ("{c} + 1", "7"),
    "smallint": ("{c} + 1", "7"),
    "timestamp with time zone": ("{c} + interval '1 day'", "{c} - interval '1 second'", "'2026-01-17 12:00+00'"),
    "date": ("{c} + 1", "'2026-01-17'"),
    "interval": ("{c} + interval '1 hour'",),
    "boolean": ("NOT {c}", "true"),
    "character varying": ("{c} || 'x'", "reverse({c})"),
    "text": ("{c} || 'x'", "'x'"),
    "uuid": ("gen_random_uuid()",),
    "jsonb": ('{c} || \'{{"x": "1"}}\'', '\'{{"7": "1"}}\''),
    "ARRAY": ("array_append({c}, 'x')",),
    "tstzrange": ("tstzrange(lower({c}) + interval '1 day', upper({c}))", "tstzrange(lower({c}), '2026-07-01')"),
    "bytea": ("{c} || '\\x00'",),
}
"""Type → SQL expressions for another value; the second and later ones also where there is none yet."""


seeker = Seeker()


def columns() -> Iterator[tuple[type[Model], Field]]:
    for model in our_models():
        if not hasattr(model, "pgh_tracked_model") and model._meta.db_table != "billing_rollup":
            yield from ((model, field) for field in model._meta.local_concrete_fields)


def name_of(model: type[Model], field: Field) -> str:
    return f"{model._meta.db_table}.{field.column}"


CHECKED = [
    pytest.param(model, field, id=name_of(model, field))
    for model, field in columns()
    if name_of(model, field) not in ANY_VALUE_IS_FINE | WORTH_A_SEAL and field.column != "id"
]


@pytest.fixture(scope="module")
def books(shared_transaction):
    """Make the books once for all these tests, in a transaction that is never committed."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER SEQUENCE billing_event_sequence RESTART")  # so that 7 and 60 are places of events
    make_books()


@pytest.mark.parametrize(("model", "field"), CHECKED)
def test_a_changed_field_is_found_or_refused(books, django_db_blocker, model, field):
    table, column = model._meta.db_table, field.column
    missed, tried = [], Counter()
    with django_db_blocker.unblock():
        for row in rows(table):
            for value in values(table, column, field):
                with transaction.atomic():
                    outcome = corrupt(table, column, row, value)
                    tried[outcome] += 1
                    if outcome == "changed" and not seeker.finds(table, column):
                        missed.append(f"{column} = {value}")
                    transaction.set_rollback(True)

    assert tried["changed"] + tried["refused"], "there was no other value to try: the test proves nothing"
    assert missed == []


NOTHING_FOLLOWS_FROM = {
    # all that was counted in it was taken back
    "billing_hourlyusage": "events = 0",
    # what it billed is credited as a whole
    "billing_billedusage": "period_id IN (SELECT id FROM billing_period WHERE kind = 'undone')",
}
"""Rows that say what was once, and that nothing is reckoned from any more."""


def rows(table: str) -> list[str]:
    """Return the ctids of some rows of a table."""
    passed = NOTHING_FOLLOWS_FROM.get(table, "false")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT tableoid::regclass || ' ' || ctid FROM {table} WHERE NOT ({passed}) ORDER BY tableoid, ctid"  # noqa: S608
        )
        places = [place for (place,) in cursor.fetchall()]
    return sorted({places[place] for place in PLACES})


def values(table: str, column: str, field: Field) -> list[str]:
    if field.remote_field:
        other = field.remote_field.model._meta.db_table
        key = field.target_field.column
        return [
            f"(SELECT max({key}) FROM {other} WHERE {key} <> {table}.{column})",  # noqa: S608
            f"(SELECT min({key}) FROM {other} WHERE {key} <> {table}.{column})",  # noqa: S608
            "999999999",
        ]
    if field.choices:
        return [f"'{value}'" for value, _ in field.flatchoices]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT data_type FROM information_schema.columns WHERE table_name = %s AND column_name = %s",
            [table, column],
        )
        kind = cursor.fetchone()[0]
    return [change.format(c=column) for change in CHANGES[kind]]


def corrupt(table: str, column: str, row: str, value: str) -> str:
    """
    Change one field with triggers and foreign keys disabled; return changed, refused, or unchanged as its outcome.
    """
    partition, ctid = row.split(" ")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(
                f"UPDATE {table} SET {column} = {value} WHERE tableoid = %s::regclass AND ctid = %s"  # noqa: S608
                f" AND {column} IS DISTINCT FROM {value}",
                [partition, ctid],
            )
            changed = cursor.rowcount
            cursor.execute("SET LOCAL session_replication_role = origin")
            return "changed" if changed else "same"
    except DatabaseError:
        return "refused"


CLOSED = "state = 'closed' AND invoice_id IS NOT NULL"
USAGE = "line_id IN (SELECT id FROM invoices_line WHERE kind = 'usage')"

DAMAGE = {
    "a customer whom nobody looks after": "UPDATE billing_pendingevaluation SET due_at = now() - interval '61 minutes'",
    "a place that is ahead of its table": "UPDATE billing_changecursor SET noted = 10000000 WHERE source = 'events'",
    "a period closed after its document, by a second": "UPDATE billing_period SET"
    " closed_at = closed_at + interval '1 s' WHERE {closed}",
    "a period closed after its document was issued": "UPDATE billing_period SET closed_at = now() WHERE {closed}",
    "a mark below what was billed": "UPDATE billing_billedusage SET high_water_mark = 1 WHERE {usage}",
    "a mark beyond late usage": "UPDATE billing_billedusage SET high_water_mark = 60 WHERE {usage}",
    "a mark never given out": "UPDATE billing_billedusage SET high_water_mark = 10000000 WHERE {usage}",
    "an event without a time that came in at another": "UPDATE billing_event SET received_at = now()"
    " WHERE sender_id = 'now'",
    "an event gone": "DELETE FROM billing_event WHERE sender_id = 'a3-call'",
    "an event more": "INSERT INTO billing_event SELECT gen_random_uuid(), digest, sequence + 1000, occurred_at,"
    " received_at, sandbox, customer_id, customer_ref, name, source, sender_id || 'x', subscription_ref, properties"
    " FROM billing_event WHERE sender_id = 'a3-call'",
    "a counter gone": "DELETE FROM billing_counter WHERE id = (SELECT min(id) FROM billing_counter)",
    "an hour gone": "DELETE FROM billing_hourlyusage WHERE bucket = (SELECT min(bucket) FROM billing_hourlyusage)",
    "an open report's reason": "UPDATE billing_unmatchedusage SET reason = 'no_rate' WHERE reason = 'unknown_event'"
    " AND resolved_at IS NULL",
    "a report that a correction resolved at another time": "UPDATE billing_unmatchedusage SET"
    " resolved_at = resolved_at + interval '1 s' WHERE event_key IN (SELECT event_key FROM billing_correction)",
    "a report gone": "DELETE FROM billing_unmatchedusage WHERE reason = 'bad_value'",
    "a snapshot gone": "DELETE FROM billing_billedusage WHERE line_id = (SELECT min(id) FROM invoices_line"
    " WHERE kind = 'usage')",
    "a period gone": "DELETE FROM billing_period WHERE id = (SELECT max(id) FROM billing_period WHERE {closed})",
    "a document gone": "DELETE FROM invoices_invoice WHERE id = (SELECT min(id) FROM invoices_invoice)",
    "a line gone": "DELETE FROM invoices_line WHERE id = (SELECT max(id) FROM invoices_line)",
    "a tax gone": "DELETE FROM invoices_invoicetax WHERE id = (SELECT max(id) FROM invoices_invoicetax)",
    "coverage gone": "DELETE FROM billing_coverage WHERE id = (SELECT max(id) FROM billing_coverage)",
    "a late mark gone": "UPDATE billing_period SET late_since = NULL",
    "a tier gone": "DELETE FROM plans_tier WHERE id = (SELECT max(id) FROM plans_tier)",
    "history gone": "DELETE FROM plans_rateevent",
    "a trigger off": "ALTER TABLE invoices_line DISABLE TRIGGER USER",
    "the events' trigger off": "ALTER TABLE billing_event DISABLE TRIGGER event_is_append_only",
    "a constraint dropped": "ALTER TABLE invoices_invoice DROP CONSTRAINT invoice_total_is_never_negative",
    "a unique constraint dropped": "ALTER TABLE invoices_invoice DROP CONSTRAINT number_is_given_once_per_series",
    "a float column": "ALTER TABLE invoices_line ADD COLUMN share double precision",
    "NaN": "ALTER TABLE plans_tier DROP CONSTRAINT tier_bound_is_positive;"
    " UPDATE plans_tier SET up_to = 'NaN' WHERE id = (SELECT min(id) FROM plans_tier)",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_other_damage_is_found(books, django_db_blocker, damage):
    with django_db_blocker.unblock(), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL session_replication_role = replica")
            cursor.execute(damage.format(closed=CLOSED, usage=USAGE))
            assert cursor.rowcount
            cursor.execute("SET LOCAL session_replication_role = origin")
        assert seeker.finds(damage.partition(" SET ")[0])
        transaction.set_rollback(True)


def test_every_excluded_field_exists():
    names = {name_of(model, field) for model, field in columns()}

    assert set(ANY_VALUE_IS_FINE) | set(WORTH_A_SEAL) <= names
