"""
Change any one field of any one row while the project's triggers are disabled: a constraint rejects it, or the audit
or the oracle finds it.

The fields are those of the models, so a new column is tested automatically: a check must cover it, or this file must
list it with the reason why no value of it can be wrong. Continuous integration makes one change of each field, and
`make prove ARGS=long` all of them.
"""

import dataclasses
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import AutoField, Field, Model

from billing.audit import CHECKS
from billing.audit.records.schema_checks import our_models
from config.paths import PROJECT
from tests import oracle
from tests.billing.audit.corruption_search import Seeker
from tests.owner_rights import as_owner, past_triggers

pytestmark = pytest.mark.slow

PLACES = (0, -1)
"""Positions of the rows of a table whose fields are corrupted, one at a time: the first and the last."""

ALSO_CORRUPTED = {
    "invoices_invoice": ("NOT EXISTS (SELECT FROM invoices_invoiceevent h WHERE h.pgh_obj_id = invoices_invoice.id)"),
}
"""
Table → a condition: the first row that meets it is corrupted too.

An invoice has no history until its state changes for the first time.
"""

MAX_CHOICES = 12
"""Maximum values tried of a field with choices; 165 currencies would prove no more than a dozen."""

ANY_VALUE_IS_FINE = {
    "access_approvalrequest.mailed": "the number of mails that have left",
    "access_approvalrequest.next_mail_at": "when the next mail is due",
    "access_countedact.kind": "counts toward a limit for a day; the act has rows of its own",
    "access_countedact.person_id": "see above",
    "access_countedact.api_key_id": "see above",
    "access_countedact.customer_id": "see above",
    "access_countedact.unit": "see above",
    "access_countedact.amount": "see above",
    "access_countedact.at": "see above",
    "access_auditfeed.last_entry": "entries are sent again, or the receiver lacks some; it verifies the chain",
    "access_auditfeed.problem": "the next message decides it",
    "access_auditfeed.tried_at": "see above",
    "access_auditsource.source": "a table without a mark is looked at from its beginning",
    "access_auditsource.sealed_to": "see above; rows below it have a seal, or the audit reports them",
    "access_auditsource.horizon": "see above",
    "access_auditsource.horizon_xid": "see above",
    "access_auditerasure.at": "when the content was erased; the entry's digest and the new one are checked",
    "access_auditseal.at": "when it was sealed; its entries have times of their own",
    "access_ratelimitbucket.name": "the limit that it counts for; of another one it is as good as full",
    "access_ratelimitbucket.caller": "see above",
    "access_ratelimitbucket.tokens": "a full bucket, or an empty one, is a few requests more or fewer",
    "access_ratelimitbucket.granted": "the size of the last lease, which a process has taken already",
    "access_ratelimitbucket.at": "when it was filled last; see its tokens",
    "access_savedview.user_id": "how a list is shown, and to whom; no page of the books depends on it",
    "access_savedview.list_name": "see above",
    "access_savedview.name": "see above",
    "access_savedview.query": "see above",
    "access_savedview.columns": "see above",
    "access_savedview.is_shared": "see above",
    "access_signinfailure.account": "the digest of an entered name; of another one it delays nobody",
    "access_signinfailure.address": "see above",
    "access_signinfailure.failures": "determines the next delay; kept for a day",
    "access_signinfailure.failed_at": "determines when it is deleted",
    "access_signinfailure.blocked_until": "the next possible try; kept for a day",
    "invoices_bankstatement.imported_at": "when it was imported",
    "invoices_bankbooking.booked_at": "when it was booked; its payment has a time of its own",
    "invoices_bankbooking.undone_at": "when it was undone; the reversal of its payment has a time of its own",
    "plans_catalogrevision.revision": "processes only compare whether the number differs",
    "customers_portallink.way": "how a visitor signed in, shown to staff",
    "customers_portallink.email": "an address that anyone entered; it is kept for a day",
    "customers_portallink.customer_id": "the account that the link opened; it expires within the hour",
    "customers_portallink.contact_id": "see above",
    "customers_portallink.by_id": "who created it",
    "customers_portallink.origin": "the host of the request",
    "customers_portallink.secret_sha256": "any other digest is another secret's; the link stops working",
    "customers_portallink.created_at": "determines when it is deleted",
    "customers_portallink.expires_at": "within an hour of its creation",
    "customers_portallink.emailed_at": "when it was mailed",
    "customers_portallink.used_at": "when it was used",
    "customers_portalsession.customer_id": "the account of the session; with another customer's contact it ends",
    "customers_portalsession.contact_id": "see above",
    "customers_portalsession.email": "with an address other than its contact's it ends",
    "customers_portalsession.way": "how a visitor signed in, shown to staff",
    "customers_portalsession.by_id": "the staff user who views the portal",
    "customers_portalsession.secret_sha256": "any other digest is another secret's; the session ends",
    "customers_portalsession.began_at": "when the visitor signed in",
    "customers_portalsession.seen_at": "time of the last request",
    "customers_portalsession.expires_at": "within 12 hours of its start",
    "customers_portalsession.ended_at": "when it ended",
    "customers_apikey.last_used_at": "when the key was used last, and nothing else",
    "customers_apikey.secret_sha256": "any other digest is another secret's; the key stops working",
    "customers_idempotentrequest.key": "the sender's own choice",
    "customers_webhookendpoint.failing_since": "determines when to disable it",
    "customers_webhookendpoint.previous_until": "determines until when messages have two signatures",
    "customers_delivery.state": "a waiting or a finished one: the receiver's actions are its own",
    "customers_delivery.attempts": "determines the delay before the next one",
    "customers_delivery.next_at": "determines when to retry",
    "customers_delivery.tried_at": "when it was tried last, shown to staff",
    "customers_delivery.status": "the receiver's last status, shown to staff",
    "customers_delivery.answer": "the receiver's last response, shown to staff",
    "customers_idempotentrequest.request_sha256": "any other digest is the digest of another request",
    "customers_idempotentrequest.status": "any success may have been the response",
    "customers_idempotentrequest.body": "the response; it is kept for a day",
    "customers_idempotentrequest.created_at": "determines when it is deleted",
    "billing_period.revision": "processes only compare whether the number differs",
    "billing_period.closed_at": "any time from its end to its invoice's issue; see the bounds below",
    "billing_billedusage.high_water_mark": "any number before the counter's next event; see the bounds below",
    "billing_event.received_at": "nothing depends on it, unless the event had no timestamp; see below",
    "billing_periodgrant.revision": "determines whether it is adjusted again",
    "billing_period.settles": "the credited amount is checked against it; where no end has moved, it is empty",
    "billing_period.error": "the reason of a failed close, shown to staff",
    "billing_period.attempts": "determines the delay before the next one",
    "billing_job.kind": "its effects have their own rows, which refer to it",
    "billing_job.split_tries": "determines when to give up",
    "billing_jobitem.parameters": "the rows of the file in an item, shown to staff",
    "billing_jobitem.content": "the uploaded rows, for corrections; the results are in the events",
    "billing_jobitem.tries": "determines when to give up",
    "billing_jobitem.error": "the reason of a failed try, shown to staff",
    "billing_jobitem.findings": "the rejected rows, shown to staff",
    "billing_jobitem.begun_at": "determines when to retry",
    "billing_jobitem.finished_at": "when it was done; its effects have their own times",
    "billing_correction.corrected_at": "when it was requested; see the check of a replacement's",
    "billing_unmatchedusage.detail": "the cause, shown to staff",
    "billing_unmatchedusage.reason": "of a report that is resolved, nothing repeats it; of an open one, see below",
    "billing_unmatchedusage.resolved_at": "when it was reprocessed; of one that a correction resolved, see below",
    "wallets_wallet.debt_limit": "any limit that was once allowed; see the bounds of balances",
    "wallets_hold.reference": "the caller's own choice",
    "wallets_hold.feature_id": "of an open hold it determines the usable lots; of a committed one, see below",
    "wallets_hold.at": "of an open hold it determines the usable lots; of a committed one, see below",
    "wallets_hold.until": "when it would have expired",
    "wallets_hold.ended_at": "when it ended; its effects have their own times",
    "wallets_holdshare.lot_id": "of a hold that has ended nothing depends on it; of an open one, see its lots",
    "billing_voucherusage.created_at": "when it was recorded: any time before its invoice was issued",
    "billing_drawdown.times": "names the next movement, and a name in use is rejected",
    "invoices_payment.reference": "the bank's own, or that of the user who recorded it",
    "invoices_payment.paid_at": "the bank's own; never after it was recorded",
    "invoices_payment.method": "the payment method, entered by the user who recorded it",
    "invoices_payment.created_at": "when it was recorded: any time after its invoice was issued",
    "invoices_payment.reason": "a user's text",
    "invoices_payment.by_id": "the user who entered the reason",
    "billing_eventremoval.removed_at": "when the events left: at least 396 days after them",
    "billing_eventremoval.events": "how many left; the events themselves are gone",
    "billing_eventremoval.finished_at": "until when events before its time may still be there",
    "billing_clone.customer_id": "its usage is in the events; nothing else depends on it",
    "billing_clone.source_id": "determines whose usage is replayed from now on",
    "billing_clone.since": "determines from when usage is replayed, as the clock reaches it",
    "billing_clone.until": "see above",
    "billing_clone.created_at": "when it was created",
    "billing_clone.created_by_id": "who created it",
    "billing_reservation.reference": "the caller's own choice; of one with a hold, the hold repeats it",
    "billing_reservation.properties": "determine its rate; see the check of rates",
    "billing_reservation.quantity": "of an open one it limits others, until it expires",
    "billing_reservation.cost": "of an open one it limits others, until it expires",
    "billing_reservation.until": "when it expires; of one with a hold, the hold repeats it",
    "billing_reservation.ended_at": "when it ended; its effects have their own times",
    "billing_reservation.used": "the answer to a repeated commit; the usage is in the events",
    "billing_synctarget.read_up_to": "where the next search for changes goes on; it starts again at the first row",
    "billing_synctarget.paused_until": "until when nothing is sent",
    "billing_synctarget.error": "why it is paused, shown to staff",
    "billing_syncrecord.target_id": "the search queues the row again for its own target",
    "billing_syncrecord.kind": "see above",
    "billing_syncrecord.row_id": "see above",
    "billing_syncrecord.remote_id": "names a record of another system, which alone can compare it",
    "billing_syncrecord.digest": "with any other digest the row is sent again, without effect",
    "billing_syncrecord.state": "a waiting or a finished one: the target's actions are its own",
    "billing_syncrecord.attempts": "determines the delay before the next one",
    "billing_syncrecord.next_at": "determines when to send it",
    "billing_syncrecord.leased_until": "until when one worker alone may send it",
    "billing_syncrecord.sent_at": "when it was sent last, shown to staff",
    "billing_syncrecord.error": "why it was not sent, shown to staff",
    "billing_syncrecord.log": "the latest tries, shown to staff",
    **{
        f"billing_droppart.{column}": "of a file outside of the database, which alone can compare it"
        for column in (
            *(
                "target_id",
                "job_id",
                "table_name",
                "section",
                "number",
                "path",
                "sha256",
                "size",
                "rows",
                "first_key",
            ),
            *("last_key", "columns", "is_final", "written_at", "replaced_at"),
        )
    },
    "billing_alert.recovered_at": "when it recovered; its announcement has the same time",
    "billing_alert.acknowledged_at": "when a user acknowledged it",
    "billing_changecursor.source": "a cursor without a known name starts again",
    "billing_changecursor.position": (
        "where the next evaluation starts; processed events are read again, see the bound below"
    ),
    "billing_changecursor.noted": "see above",
    "billing_changecursor.horizon": "see above",
    "billing_changecursor.looked_at": "determines when every customer is evaluated next",
    "billing_thresholdcheck.events": (
        "determines whether a period is checked again; its billed amounts are in its lines"
    ),
    "billing_thresholdcheck.period_id": "see above",
    "billing_pendingevaluation.customer_id": "who is evaluated next; the next full round has every customer",
    "billing_pendingevaluation.due_at": "who is evaluated first; one that waits for an hour is reported, see below",
    "billing_pendingevaluation.is_whole": (
        "determines the scope of the next evaluation; the next full round covers everything"
    ),
    "invoices_balanceentry.at": "when it was made; entries of a balance have their own positions",
    "invoices_providerevent.provider": "events are never trusted: they only determine the request",
    "invoices_providerevent.ref": "see above",
    "invoices_providerevent.kind": "see above",
    "invoices_providerevent.content": "see above",
    "invoices_providerevent.received_at": "when it arrived",
    "invoices_providerevent.next_at": "determines when to process it",
    "invoices_providerevent.tries": "determines when to give up",
    "invoices_providerevent.done_at": "when it was processed; its effects have their own times",
    "invoices_providerevent.outcome": "the result of its processing, shown to staff",
    "invoices_rendering.attempts": "determines the delay before the next one",
    "invoices_rendering.error": "the reason of a failed rendering, shown to staff",
    "invoices_rendering.retry_at": "determines when to retry",
    "invoices_rendering.leased_until": "until when one worker alone may render",
    "invoices_rendering.rendered_at": "when the file was made, by the clock of its worker",
}

WORTH_A_SEAL = {
    "invoices_dunningact.invoice_id": (
        "the dunned invoice and the step; its effects are in other rows, with a history"
    ),
    "invoices_dunningact.days": "see above",
    "invoices_dunningact.action": "see above",
    "invoices_dunningact.outcome": "see above",
    "invoices_dunningact.at": "see above",
    "billing_dunnedsubscription.act_id": "see above",
    "billing_dunnedsubscription.outcome": "see above",
    "billing_dunnedsubscription.at": "see above",
    "billing_dunnedsubscription.resumed_at": "see above",
    "customers_notification.message_id": (
        "the content sent to receivers; nothing else repeats it, and no money depends on it"
    ),
    "customers_notification.kind": "see above",
    "customers_notification.customer_id": "see above",
    "customers_notification.facts": "see above",
    "customers_notification.key": "see above",
    "customers_notification.created_at": "see above",
    "invoices_invoice.purchase_order": "text on an invoice",
    "invoices_invoice.note": "text on an invoice",
    "invoices_invoice.reason": "a user's text, printed on a credit note",
    "invoices_invoice.credit_to": "a user's choice for the amount of a credit note",
    "invoices_invoicenote.invoice_id": "a user's note, which no document or sum depends on",
    "invoices_invoicenote.text": "see above",
    "invoices_invoicenote.by_id": "see above",
    "invoices_invoicenote.at": "see above",
    "invoices_rendering.invoice_id": "the invoice of a file",
    "invoices_line.description": "text on an invoice",
    "invoices_line.unit": "text on an invoice",
    "invoices_invoicetax.name": "text on an invoice",
    "invoices_invoicetax.reason": "text on an invoice",
    "billing_correction.reason": "a user's text",
    "invoices_bankstatement.format": "the bank's file proves it",
    "invoices_bankstatement.file_name": "see above",
    "invoices_bankstatement.digest": "see above",
    "invoices_bankstatement.place": "see above",
    "invoices_bankstatement.reference": "see above",
    "invoices_bankstatement.by_id": "the user who imported it",
    "invoices_bankstatement.api_key_id": "see above",
    "invoices_bankline.place": "the bank's file proves it",
    "invoices_bankline.identity": "see above",
    "invoices_bankline.value_date": "see above; the payment has the date as well",
    "invoices_bankline.payer_name": "see above",
    "invoices_bankline.payer_account": "see above",
    "invoices_bankline.text": "see above",
    "invoices_bankline.end_to_end_id": "see above",
    "invoices_bankline.bank_reference": "see above",
    "invoices_bankline.is_reversal": "see above",
    "billing_alert.acknowledged_by_id": "the user who acknowledged it",
    "billing_correction.by_id": "the user who requested it",
    "invoices_numberseries.code": "the name of a series",
    "invoices_numberseries.prefix": "printed with the next number",
    "customers_notification.seller_id": "whose look the emails have",
    "customers_exchangerate.source": "a published rate, for reports alone; its publisher's file repeats it",
    "customers_exchangerate.day": "see above",
    "customers_exchangerate.currency": "see above",
    "customers_exchangerate.rate": "see above",
    "customers_exchangerate.reason": "see above",
    "customers_exchangerate.recorded_at": "see above",
    "customers_exchangerate.recorded_by_id": "see above",
}
"""Texts that nothing else in the database repeats: only a digest of the invoice, stored elsewhere, proves them."""

ONLY_BY_ORACLE = {
    "billing_aggregatestate": (
        "events first_at high latest_at latest_key latest_source latest_value low members moment series_id "
        "span starts_at total"
    ),
    "billing_alert": (
        "alert_rule_id customer_id dimension dimension_value ends_at feature_id fired_at since "
        "subscription_id threshold unit value wallet_id"
    ),
    "billing_billedusage": "carried",
    "billing_correction": "sandbox",
    "billing_counter": "carried",
    "billing_couponline": "coupon_period line_id period_id redemption_id",
    "billing_coverage": "customer_id during feature_id named subscription_id",
    "billing_distinctvalue": "at digest is_present key series_id source value",
    "billing_levelchange": "at key series_id source value",
    "billing_membershipstep": "at digest joins key series_id source",
    "billing_period": "anchor_at continues_id due_at ends_at is_trial kind late_since retry_at version_id",
    "billing_periodgrant": "next_at",
    "billing_reservation": (
        "at customer_id hold_id period_id plan_feature_id rate_id state subscription_ref window_start"
    ),
    "billing_settlement": "line_id period_id",
    "billing_unmatchedusage": "customer_id customer_ref event_name occurred_at sandbox sequence",
    "customers_delivery": "endpoint_id",
    "invoices_balanceentry": "document_id reference",
    "invoices_discount": "coupon_line_id invoice_id",
    "invoices_invoice": (
        "buyer_facts corrects_id created_at customer_id due_date includes_tax issue_date issued_at net_days "
        "period_end period_start reference seller_facts"
    ),
    "invoices_line": "explanation kind plan_feature_id quantity rate_id service_end service_start",
    "invoices_section": "first_line last_line name position",
    "wallets_hold": "state",
}
"""Table → the columns of which the audit alone misses a change that the oracle finds, separated by spaces."""

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
"""Type → SQL expressions for another value; the second and later ones are also used where the value is NULL."""


audit_seeker = Seeker(CHECKS)
oracle_seeker = Seeker(oracle.CHECKS)


def columns() -> Iterator[tuple[type[Model], Field]]:
    for model in our_models():
        if not hasattr(model, "pgh_tracked_model") and model._meta.db_table != "billing_rollup":
            yield from ((model, field) for field in model._meta.local_concrete_fields)


def name_of(model: type[Model], field: Field) -> str:
    return f"{model._meta.db_table}.{field.column}"


CHECKED: dict[type[Model], list[Field]] = defaultdict(list)
for _model, _field in columns():
    if name_of(_model, _field) not in ANY_VALUE_IS_FINE | WORTH_A_SEAL and _field.column != "id":
        CHECKED[_model].append(_field)


@pytest.fixture(scope="module")
def books(full_books, shared_transaction):
    """Let all these tests find the books, in a transaction that is never committed."""
    with connection.cursor() as cursor:
        # Foreign keys reject a wrong reference at once.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@dataclass(slots=True)
class Search:
    """The corruptions of one column: how many changed it, and which of these nothing found."""

    outcomes: Counter[str] = dataclasses.field(default_factory=Counter)
    missed: list[str] = dataclasses.field(default_factory=list)


def only_by_oracle(model: type[Model]) -> list[Field]:
    columns_of_table = ONLY_BY_ORACLE.get(model._meta.db_table, "").split()
    return [field for field in CHECKED[model] if field.column in columns_of_table]


def not_only_by_oracle(model: type[Model]) -> list[Field]:
    oracles = only_by_oracle(model)
    return [field for field in CHECKED[model] if field not in oracles]


@pytest.mark.parametrize("model", CHECKED, ids=lambda model: model._meta.db_table)
def test_the_audit_finds_a_change_of_each_field_or_a_constraint_refuses_all(books, django_db_blocker, model):
    with django_db_blocker.unblock():
        searches = {
            field.column: search(model, field, audit_seeker.finds, most=1) for field in not_only_by_oracle(model)
        }

    assert_that_all_is_found(searches)


@pytest.mark.long
@pytest.mark.parametrize("model", CHECKED, ids=lambda model: model._meta.db_table)
def test_the_audit_finds_a_changed_field_or_a_constraint_refuses_it(books, django_db_blocker, model):
    with django_db_blocker.unblock():
        searches = {field.column: search(model, field, audit_seeker.finds) for field in not_only_by_oracle(model)}

    assert_that_all_is_found(searches)


@pytest.mark.parametrize("model", [*filter(only_by_oracle, CHECKED)], ids=lambda model: model._meta.db_table)
def test_the_oracle_finds_a_change_of_each_field_that_the_audit_does_not_repeat(books, django_db_blocker, model):
    with django_db_blocker.unblock():
        searches = {field.column: search(model, field, find_anyhow, most=1) for field in only_by_oracle(model)}

    assert_that_all_is_found(searches)


@pytest.mark.long
@pytest.mark.parametrize("model", [*filter(only_by_oracle, CHECKED)], ids=lambda model: model._meta.db_table)
def test_the_oracle_finds_every_change_that_the_audit_misses(books, django_db_blocker, model):
    missed_by_audit = set()

    def find(table: str, column: str) -> bool:
        # The audit runs all of its checks on a change that it misses: one such change is enough.
        if column not in missed_by_audit and not audit_seeker.finds(table, column):
            missed_by_audit.add(column)
        return find_anyhow(table, column)

    with django_db_blocker.unblock():
        searches = {field.column: search(model, field, find) for field in only_by_oracle(model)}

    assert_that_all_is_found(searches)
    assert missed_by_audit == set(searches), "the audit alone finds every change of the others"


def find_anyhow(table: str, column: str) -> bool:
    return oracle_seeker.finds(table, column) or audit_seeker.finds(table, column)


def assert_that_all_is_found(searches: dict[str, Search]) -> None:
    untried = [name for name, of in searches.items() if not of.outcomes["changed"] + of.outcomes["refused"]]
    assert untried == [], "there was no other value to try: the test proves nothing"
    assert [change for of in searches.values() for change in of.missed] == []


def search(model: type[Model], field: Field, find: Callable[[str, str], bool], *, most: int | None = None) -> Search:
    """Change the field in some rows, at most so many times with effect, and look for each change."""
    table, column, result = model._meta.db_table, field.column, Search()
    for row, value in itertools.product(rows(model), values(table, column, field)):
        if result.outcomes["changed"] == most:
            break
        with transaction.atomic():
            outcome = corrupt(table, column, row, value)
            result.outcomes[outcome] += 1
            if outcome == "changed" and not find(table, column):
                result.missed.append(f"{column} = {value}")
            transaction.set_rollback(True)
    return result


NOTHING_FOLLOWS_FROM = {
    # all its usage was voided
    "billing_hourlyusage": "events = 0",
    # its usage is credited in full
    "billing_billedusage": "period_id IN (SELECT id FROM billing_period WHERE kind = 'undone')",
}
"""Rows of the past that no computation reads any more."""


def rows(model: type[Model]) -> list[str]:
    """Return the ctids of some rows of a table."""
    table = model._meta.db_table
    passed = NOTHING_FOLLOWS_FROM.get(table, "false")
    # The place of a row in its table depends on the tests that ran before; the order of numbers does not.
    order = model._meta.pk.column if isinstance(model._meta.pk, AutoField) else "tableoid, ctid"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT tableoid::regclass || ' ' || ctid, {ALSO_CORRUPTED.get(table, 'false')} FROM {table}"  # noqa: S608
            f" WHERE NOT ({passed}) ORDER BY {order}"
        )
        candidates = cursor.fetchall()
    chosen = [candidates[place] for place in PLACES] + [row for row in candidates if row[1]][:1]
    return sorted({place for place, _ in chosen})


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
        choices = [f"'{value}'" for value, _ in field.flatchoices]
        return choices[:: -(-len(choices) // MAX_CHOICES)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT data_type FROM information_schema.columns WHERE table_name = %s AND column_name = %s",
            [table, column],
        )
        kind = cursor.fetchone()[0]
    return [change.format(c=column) for change in CHANGES[kind]]


def corrupt(table: str, column: str, row: str, value: str) -> str:
    """
    Change one field while the project's triggers are disabled; return changed, refused, or same as its outcome.

    Constraints and foreign keys stay in force: the audit checks that they are, and does not repeat them.
    """
    partition, ctid = row.split(" ")
    try:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(
                f"UPDATE {table} SET {column} = {value} WHERE tableoid = %s::regclass AND ctid = %s"  # noqa: S608
                f" AND {column} IS DISTINCT FROM {value}",
                [partition, ctid],
            )
            changed = cursor.rowcount
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            return "changed" if changed else "same"
    except DatabaseError:
        return "refused"


CLOSED = "state = 'closed' AND invoice_id IS NOT NULL"
USAGE = "line_id IN (SELECT id FROM invoices_line WHERE kind = 'usage')"

DAMAGE = {
    "a customer whom nobody looks after": (
        "UPDATE billing_pendingevaluation SET due_at = now() - interval '61 minutes'"
    ),
    "a place that is ahead of its table": "UPDATE billing_changecursor SET noted = 10000000 WHERE source = 'events'",
    "a period closed after its document, by a second": "UPDATE billing_period SET"
    " closed_at = closed_at + interval '1 s' WHERE {closed}",
    "a period closed after its document was issued": "UPDATE billing_period SET closed_at = now() WHERE {closed}",
    "a mark below the billed usage": "UPDATE billing_billedusage SET high_water_mark = 1 WHERE {usage}",
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
    "foreign keys off": "ALTER TABLE invoices_payment DISABLE TRIGGER ALL; ALTER TABLE invoices_payment"
    " ENABLE TRIGGER USER",
    "a foreign key dropped": "DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE invoices_payment DROP CONSTRAINT %I',"
    " conname) FROM pg_constraint WHERE conrelid = 'invoices_payment'::regclass AND contype = 'f' LIMIT 1); END $$",
    "a constraint dropped": "ALTER TABLE invoices_invoice DROP CONSTRAINT invoice_total_is_never_negative",
    "a unique constraint dropped": "ALTER TABLE invoices_invoice DROP CONSTRAINT number_is_given_once_per_series",
    "a float column": "ALTER TABLE invoices_line ADD COLUMN share double precision",
    "NaN": "ALTER TABLE plans_tier DROP CONSTRAINT tier_bound_is_positive;"
    " UPDATE plans_tier SET up_to = 'NaN' WHERE id = (SELECT min(id) FROM plans_tier)",
}


DAMAGE_ONLY_BY_ORACLE = {
    "a period closed after its document, by a second",
    "a period closed after its document was issued",
    "an open report's reason",
    "a report that a correction resolved at another time",
    "coverage gone",
    "a float column",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_other_damage_is_found(books, django_db_blocker, name):
    damage = DAMAGE[name]
    with django_db_blocker.unblock(), transaction.atomic():
        with past_triggers(), connection.cursor() as cursor:
            cursor.execute(damage.format(closed=CLOSED, usage=USAGE))
            assert cursor.rowcount
        table = damage.partition(" SET ")[0]
        is_found_by_audit = audit_seeker.finds(table)
        assert is_found_by_audit != (name in DAMAGE_ONLY_BY_ORACLE)
        assert is_found_by_audit or oracle_seeker.finds(table)
        transaction.set_rollback(True)


def test_the_page_counts_the_fields_that_only_the_oracle_checks():
    fields = [f"{table}.{column}" for table, columns in ONLY_BY_ORACLE.items() for column in columns.split()]
    for name in ("audit.md", "decisions/0044-the-audit-repeats-no-rule.md"):
        page = (PROJECT / "docs" / name).read_text(encoding="utf-8")
        assert re.search(rf"\b{len(fields)} of {sum(map(len, CHECKED.values()))} (corrupted )?fields\b", page)


def test_every_excluded_field_exists():
    names = {name_of(model, field) for model, field in columns()}

    assert set(ANY_VALUE_IS_FINE) | set(WORTH_A_SEAL) <= names
