"""
Each constraint of the billing tables, violated by raw SQL, is reported by the name of the constraint or trigger.
"""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from billing.closing import close_due
from billing.metering.dismissal import add_ignore_rule, dismiss
from billing.models import Series, Settlement, UnmatchedUsage
from billing.subscriptions import apply_coupon, apply_customer_coupon, pause
from billing.subscriptions.plan_changes.rollouts import publish_for
from invoices.models import Line
from plans.publishing.publication import new_version
from tests.billing.closing.test_the_database_checks_dunning import CASES as OF_DUNNING
from tests.billing.closing.test_the_database_checks_voucher_usage import CASES as OF_VOUCHER_USAGE
from tests.billing.jobs.test_the_database_checks_jobs import CASES as OF_JOBS
from tests.billing.limits.alerts.test_the_database_checks_alert_rules import CASES as OF_ALERT_RULES
from tests.billing.limits.reservations.test_the_database_checks_reservations import CASES as OF_RESERVATIONS
from tests.billing.metering.corrections.correction_setup import correct_all, correction_request
from tests.billing.metering.ingest.ingest_setup import call, make_metered_subscription, send
from tests.billing.plan_migrations.test_the_database_checks_migrations import CASES as OF_MIGRATIONS
from tests.billing.privacy.test_the_database_checks_removals import CASES as OF_REMOVALS
from tests.billing.revenue.test_the_database_checks_books import CASES as OF_BOOKS
from tests.billing.simulation.test_the_database_checks_simulations import CASES as OF_SIMULATIONS
from tests.builders import FEB, MAR, add_commitment, add_override, cap, make_coupon
from tests.db_refusals import named_constraints, refused_by
from tests.wallets.test_the_database_checks_wallets import DRAWDOWN_CASES

pytestmark = pytest.mark.django_db

REPORTED = """
INSERT INTO billing_unmatchedusage (event_key, sequence, occurred_at, sandbox, customer_ref, event_name, reason,
    detail, resolved_at)
SELECT {key}, 0, occurred_at, sandbox, customer_ref, event_name, {reason}, detail, {resolved}
FROM billing_unmatchedusage
"""
BILLED = """
INSERT INTO billing_billedusage (line_id, period_id, plan_feature_id, rate_id, window_start, high_water_mark, events,
    quantity, fingerprint, carried, metered)
SELECT {line}, period_id, plan_feature_id, rate_id, window_start, {mark}, 0, {quantity}, {fingerprint}, {carried},
    {metered}
FROM billing_billedusage
"""
OVERRIDDEN = """
INSERT INTO billing_override (subscription_id, feature_id, figure, match, value, starts_at, ends_at, reason,
    created_at)
SELECT subscription_id, feature_id, {figure}, {match}, {value}, {starts}, {ends}, reason, created_at
FROM billing_override
"""
CORRECTED = """
INSERT INTO billing_correction (event_key, sequence, kind, replacement_key, sandbox, reason, by_id, api_key_id,
    corrected_at)
SELECT {key}, 1000, {kind}, {replacement}, sandbox, {reason}, {by}, NULL, now() FROM billing_correction
"""
CORRECTION = {"key": "gen_random_uuid()", "kind": "kind", "replacement": "NULL", "reason": "reason", "by": "by_id"}
CAPPED = """
INSERT INTO billing_spendcap (subscription_id, customer_id, feature_id, match, amount, currency, action, set_by,
    created_at)
SELECT subscription_id, {customer}, feature_id, match, {amount}, currency, action, set_by, created_at
FROM billing_spendcap
"""
CLONED = """
INSERT INTO billing_clone (customer_id, source_id, since, until, created_at)
SELECT c.{0}, {1}, now(), {2}, now() FROM customers_customer c CROSS JOIN LATERAL (
    SELECT o.id FROM customers_customer o WHERE o.id <> c.id LIMIT 1) x LIMIT 1
"""
FIGURES = {"line": "-1", "mark": "1", "quantity": "0", "fingerprint": "0", "carried": "0", "metered": "NULL"}


def billed(**figures: str) -> str:
    return BILLED.format(**FIGURES | figures)


def capped(*, amount: str, customer: str = "customer_id") -> str:
    return CAPPED.format(amount=amount, customer=customer)


def override_row(**columns: str) -> str:
    defaults = {"figure": "figure", "match": "match", "value": "value", "starts": "starts_at", "ends": "ends_at"}
    return OVERRIDDEN.format(**defaults | columns)


def commitment_row(**changes: str) -> str:
    """Return the statement that adds a commitment like the existing one, with these columns changed."""
    names = (
        *("minimum", "feature", "units", "per_window"),
        *("periods", "overage_factor", "discount", "starts_at", "ends_at"),
    )
    values = ", ".join(changes.get(name, name) for name in names)
    return (
        "INSERT INTO billing_subscriptioncommitment (subscription_id, currency, trues_up, reason, created_at,"  # noqa: S608
        f" {', '.join(names)}) SELECT subscription_id, currency, trues_up, reason, now(), {values}"
        " FROM billing_subscriptioncommitment"
    )


def coupon_row(*, position: str = "position", coupon: str = "r.coupon_id") -> str:
    """Return the statement that applies a coupon again: the same coupon, or the spare one `s`."""
    return (
        "INSERT INTO billing_redemption (subscription_id, coupon_id, position, since, ended_reason, created_at)"  # noqa: S608
        f" SELECT r.subscription_id, {coupon}, {position}, r.since, '', now() FROM billing_redemption r"
        " JOIN plans_coupon s ON s.code = 'SPARE' WHERE r.subscription_id IS NOT NULL"
    )


def customer_coupon_row(
    *,
    subscription: str = "NULL",
    customer: str = "r.customer_id",
    coupon: str = "r.coupon_id",
    zone: str = "'UTC'",
    position: str = "position",
) -> str:
    """Return the statement that applies a customer's coupon again; `t` is a subscription, `s` the spare coupon."""
    return (
        "INSERT INTO billing_redemption"  # noqa: S608
        " (subscription_id, customer_id, coupon_id, position, since, time_zone, ended_reason, created_at)"
        f" SELECT {subscription}, {customer}, {coupon}, {position}, r.since, {zone}, '', now()"
        " FROM billing_redemption r JOIN plans_coupon s ON s.code = 'SPARE'"
        " CROSS JOIN (SELECT min(id) AS id FROM billing_subscription) t WHERE r.customer_id IS NOT NULL"
    )


def corrected(**fields: str) -> str:
    return CORRECTED.format(**CORRECTION | fields)


DISMISSED = """
INSERT INTO billing_dismissal (report_id, reason, dismissed_at, by_id, undone_at)
SELECT report_id, {reason}, dismissed_at, {by}, {undone} FROM billing_dismissal
"""
IGNORED = """
INSERT INTO billing_ignorerule (customer_ref, event_name, unmatched_reason, reason, created_at, by_id, removed_at)
SELECT customer_ref, {event}, {unmatched}, {reason}, created_at, by_id, {removed} FROM billing_ignorerule
"""


def dismissal_row(**columns: str) -> str:
    return DISMISSED.format(**{"reason": "reason", "by": "by_id", "undone": "NULL"} | columns)


def ignore_rule_row(**columns: str) -> str:
    defaults = {"event": "event_name", "unmatched": "unmatched_reason", "reason": "reason", "removed": "NULL"}
    return IGNORED.format(**defaults | columns)


def change_aggregate_state(changes: str) -> str:
    return f"UPDATE billing_aggregatestate SET {changes}"  # noqa: S608


SCHEDULED = """
INSERT INTO billing_scheduledchange (rollout_id, subscription_id, from_version_id, version_id, moment, state, problem,
    decided_at)
SELECT {rollout}, subscription_id, from_version_id, version_id, moment, {state}, '', {decided}
FROM billing_scheduledchange
"""


def scheduled(state: str, *, decided: str, rollout: str = "rollout_id") -> str:
    return SCHEDULED.format(state=state, decided=decided, rollout=rollout)


def pause_row(starts_at: str, ends_at: str, *, state: str = "state") -> str:
    """Return the statement that adds another pause at another time."""
    return (
        "INSERT INTO billing_pause (subscription_id, starts_at, ends_at, state, reason, created_at)"  # noqa: S608
        f" SELECT subscription_id, {starts_at}, {ends_at}, {state}, '', now() FROM billing_pause"
    )


def quantity_row(column: str, value: str) -> str:
    """Return the statement that adds another quantity with one column changed."""
    columns = {name: name for name in ("subscription_id", "fee_code", "quantity", "since", "reason", "recorded_at")}
    values = ", ".join((columns | {column: value}).values())
    table = "billing_subscriptionquantity"
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table}"  # noqa: S608


def usage_bucket(events: str = "1", quantity: str = "1") -> str:
    return (
        "INSERT INTO billing_usagebucket"  # noqa: S608
        " (subscription_id, feature_id, is_window, seconds, starts_at, events, quantity)"
        f" SELECT s.id, f.id, false, 1, now(), {events}, {quantity} FROM billing_subscription s, plans_feature f"
        " LIMIT 1"
    )


CAP_BUCKET = "INSERT INTO billing_capbucket (cap_id, starts_at, events) SELECT id, now(), -1 FROM billing_spendcap"
THROTTLED = "UPDATE billing_spendcap SET action = 'throttle', counts_from = now(), per_minute = "


NUMBERED = """
INSERT INTO billing_splitvalue (period_id, plan_feature_id, position, value)
SELECT c.period_id, c.plan_feature_id, v.position, v.value FROM (SELECT * FROM billing_counter LIMIT 1) c,
    (VALUES {values}) AS v(position, value)
"""

CASES = [
    ("subscription_metadata_is_text_by_key", """UPDATE billing_subscription SET metadata = '{"a": 5}'"""),
    ("subscription_tags_are_few_slugs", "UPDATE billing_subscription SET tags = '{two words}'"),
    # values of split prices
    ("split_value_is_numbered_once", NUMBERED.format(values="(1, 'a'), (2, 'a')")),
    ("split_value_is_numbered_once", NUMBERED.format(values="(1, NULL), (2, NULL)")),
    ("split_value_has_a_number", NUMBERED.format(values="(0, 'a')")),
    ("split_value_has_a_number", NUMBERED.format(values="(10001, 'a')")),
    # periods
    ("only_an_opening_period_is_empty", "UPDATE billing_period SET kind = 'other'"),
    ("period_is_closed_after_its_end", "UPDATE billing_period SET state = 'other'"),
    ("only_an_opening_period_is_empty", "UPDATE billing_period SET ends_at = starts_at WHERE kind = 'regular'"),
    ("only_an_opening_period_is_empty", "UPDATE billing_period SET kind = 'opening'"),
    ("period_is_never_due_before_its_end", "UPDATE billing_period SET due_at = ends_at - interval '1 second'"),
    ("period_is_closed_after_its_end", "UPDATE billing_period SET closed_at = ends_at - interval '1 second'"),
    ("period_is_closed_after_its_end", "UPDATE billing_period SET state = 'closed' WHERE state = 'open'"),
    ("period_is_closed_after_its_end", "UPDATE billing_period SET state = 'open' WHERE state = 'closed'"),
    (
        "period_starts_once",
        "UPDATE billing_period p SET starts_at = o.starts_at FROM billing_period o WHERE o.starts_at < p.starts_at",
    ),
    (
        "periods_of_a_subscription_never_overlap",
        "UPDATE billing_period SET starts_at = starts_at - interval '1 second' WHERE state = 'open'",
    ),
    (
        "period_is_continued_once",
        "UPDATE billing_period p SET continues_id = o.id FROM billing_period o WHERE o.starts_at ="
        " (SELECT min(starts_at) FROM billing_period) AND p.kind = 'regular'",
    ),
    (
        "only_regular_periods_continue",
        "UPDATE billing_period SET kind = 'opening', ends_at = starts_at, continues_id = id WHERE state = 'open'",
    ),
    (
        "trial_is_a_period_of_its_own",
        "UPDATE billing_period SET is_trial = true, kind = 'opening', ends_at = starts_at WHERE state = 'open'",
    ),
    ("period_starts_at_its_anchor_or_later", "UPDATE billing_period SET anchor_at = starts_at + interval '1 second'"),
    ("period_settles_in_a_known_way", "UPDATE billing_period SET settles = 'other'"),
    (
        "period_settles_in_a_known_way",
        "UPDATE billing_period SET settles = 'refund', kind = 'opening', ends_at = starts_at WHERE state = 'open'",
    ),
    # subscriptions
    ("only_a_canceled_subscription_had_a_later_end", "UPDATE billing_subscription SET term_ends_at = now()"),
    ("trial_ends_after_it_starts", "UPDATE billing_subscription SET trial_ends_at = starts_at"),
    (
        "trial_ends_after_it_starts",
        "UPDATE billing_subscription SET trial_ends_at = starts_at + interval '731 days'",
    ),
    ("subscription_in_trial_says_until_when", "UPDATE billing_subscription SET state = 'trialing'"),
    ("subscription_state_is_known", "UPDATE billing_subscription SET state = 'other'"),
    (
        "subscription_ends_after_it_starts",
        "UPDATE billing_subscription SET ends_at = starts_at - interval '1 second'",
    ),
    ("canceled_subscription_says_when", "UPDATE billing_subscription SET state = 'canceled'"),
    ("external_id_names_one_subscription", "UPDATE billing_subscription SET external_id = 'same'"),
    ("cancellation_settles_in_a_known_way", "UPDATE billing_subscription SET settles = 'refund'"),
    (
        "cancellation_settles_in_a_known_way",
        "UPDATE billing_subscription SET settles = 'other', state = 'ended', canceled_at = now(), ends_at = now()",
    ),
    ("only_a_draft_is_still_to_begin", "UPDATE billing_subscription SET drafted = '{\"seats\": 1}'"),
    # pauses
    ("pause_state_is_known", "UPDATE billing_pause SET state = 'other'"),
    ("pause_is_not_paid_for", "UPDATE billing_pause SET settles = 'charge'"),
    ("pause_ends_after_it_starts", "UPDATE billing_pause SET ends_at = starts_at"),
    ("pause_that_is_over_says_when", "UPDATE billing_pause SET state = 'over', ends_at = NULL"),
    (
        "subscription_has_one_pause_at_a_time",
        pause_row("starts_at + interval '1 year'", "ends_at + interval '1 year'"),
    ),
    ("pauses_of_a_subscription_never_overlap", pause_row("starts_at", "ends_at", state="'over'")),
    # overrides
    ("overridden_figure_is_known", override_row(figure="'other'", value="1")),
    ("override_is_within_its_bounds", override_row(figure="'percent'", value="-101")),
    ("override_is_within_its_bounds", override_row(figure="'included'", value="'NaN'")),
    ("override_is_within_its_bounds", override_row(figure="'price'", value="1e13")),
    ("only_a_price_is_of_a_rate", override_row(figure="'percent'", match='\'{"model": "gpt"}\'')),
    ("override_ends_after_it_starts", override_row(figure="'percent'", ends="starts_at - interval '1 second'")),
    ("figure_is_overridden_once_at_a_time", override_row(starts="starts_at + interval '1 day'")),
    ("own_terms_leave_billed_periods_alone", override_row(figure="'percent'", starts="'2026-01-01T00:00Z'")),
    ("own_terms_leave_billed_periods_alone", "UPDATE billing_override SET ends_at = '2026-01-01T00:00Z'"),
    ("own_terms_leave_billed_periods_alone", "UPDATE billing_override SET value = 2"),
    ("own_terms_leave_billed_periods_alone", "DELETE FROM billing_override"),
    # upcoming changes
    ("rollout_state_is_known", "UPDATE billing_rollout SET state = 'other'"),
    ("rollout_is_for_a_cohort_or_all", "UPDATE billing_rollout SET audience = 'new'"),
    (
        "rollout_takes_effect_after_it_is_published",
        "UPDATE billing_rollout SET effective_from = published_at - interval '1 second'",
    ),
    (
        "publication_is_rolled_out_once",
        "INSERT INTO billing_rollout (version_id, audience, published_at, effective_from, state)"
        " SELECT version_id, audience, published_at, effective_from, state FROM billing_rollout",
    ),
    ("change_state_is_known", scheduled("'other'", decided="now()")),
    ("decided_change_says_when", scheduled("'done'", decided="NULL")),
    ("decided_change_says_when", "UPDATE billing_scheduledchange SET decided_at = now()"),
    ("refused_change_says_why", scheduled("'refused'", decided="now()")),
    ("rollout_schedules_a_subscription_once", scheduled("'revoked'", decided="now()")),
    ("subscription_has_one_change_to_come", scheduled("'pending'", decided="NULL", rollout="-1")),
    ("scheduled_change_is_decided_once", "UPDATE billing_scheduledchange SET moment = moment + interval '1 day'"),
    (
        "scheduled_change_is_decided_once",
        "UPDATE billing_scheduledchange SET state = 'refused', problem = 'x', decided_at = now()",
    ),
    (
        "scheduled_change_is_decided_once",
        "UPDATE billing_scheduledchange SET moment = moment + interval '1 day', problem = 'x', splits_period = true",
    ),
    ("scheduled_change_is_decided_once", "DELETE FROM billing_scheduledchange"),
    (
        "version_to_come_stays_published",
        "UPDATE plans_planversion v SET state = 'draft', effective_from = NULL, effective_to = NULL,"
        " published_at = NULL, published_by_id = NULL FROM billing_scheduledchange m WHERE m.version_id = v.id",
    ),
    # quantities
    ("subscription_quantity_is_finite", quantity_row("quantity", "1000001")),
    ("quantity_names_its_fee", quantity_row("fee_code", "''")),
    ("a_closed_period_keeps_its_quantities", quantity_row("since", "'2026-01-31 23:59:59+00'")),
    ("pgtrigger", "UPDATE billing_subscriptionquantity SET quantity = 7"),
    ("pgtrigger", "DELETE FROM billing_subscriptionquantity"),
    ("cap_amount_is_finite", capped(amount="-1")),
    ("cap_amount_is_finite", capped(amount="'NaN'")),
    ("cap_action_is_known", "UPDATE billing_spendcap SET action = 'other'"),
    ("cap_setter_is_known", "UPDATE billing_spendcap SET set_by = 'other'"),
    ("throttled_uses_are_1_to_a_million", f"{THROTTLED} 0"),
    ("only_a_throttle_lets_uses_through", "UPDATE billing_spendcap SET action = 'throttle'"),
    ("only_a_throttle_lets_uses_through", "UPDATE billing_spendcap SET per_minute = 5"),
    ("only_a_throttle_lets_uses_through", "UPDATE billing_spendcap SET counts_from = now()"),
    ("only_a_throttle_begins_before_its_cap", "UPDATE billing_spendcap SET throttles_from = 80"),
    ("events_of_a_bucket_are_finite", usage_bucket(events="-1")),
    ("units_of_a_bucket_are_finite", usage_bucket(quantity="'NaN'")),
    ("events_of_a_capped_second_are_finite", CAP_BUCKET),
    ("spend_is_capped_once_by_each", capped(amount="1")),
    (
        "spend_of_a_subscription_or_a_customer_is_capped",
        capped(amount="1", customer="(SELECT min(id) FROM customers_customer)"),
    ),
    # coverage
    ("coverage_has_a_start", "UPDATE billing_coverage SET during = tstzrange(NULL, upper(during))"),
    ("coverage_has_a_start", "UPDATE billing_coverage SET during = 'empty'"),
    (
        "feature_is_priced_by_one_subscription_at_a_time",
        "UPDATE billing_coverage SET customer_id = (SELECT min(customer_id) FROM billing_coverage)",
    ),
    # usage
    ("counted_events_are_finite", "UPDATE billing_counter SET events = -1"),
    ("counted_quantity_is_finite", "UPDATE billing_counter SET quantity = 'NaN'"),
    ("counted_quantity_is_finite", "UPDATE billing_counter SET quantity = 'Infinity'"),
    ("counted_fingerprint_is_finite", "UPDATE billing_counter SET fingerprint = 'NaN'"),
    (
        "usage_is_counted_in_one_place",
        "INSERT INTO billing_counter (period_id, plan_feature_id, rate_id, window_start, events, quantity,"
        " fingerprint) SELECT period_id, plan_feature_id, rate_id, window_start, 0, 0, 0 FROM billing_counter",
    ),
    ("rolled_up_events_are_finite", "UPDATE billing_hourlyusage SET events = -1"),
    ("rolled_up_quantity_is_finite", "UPDATE billing_hourlyusage SET quantity = '-Infinity'"),
    (
        "usage_is_rolled_up_in_one_place",
        "INSERT INTO billing_series (period_id, meter_id, dimensions)"
        " SELECT period_id, meter_id, dimensions FROM billing_series",
    ),
    ("carried_cost_is_finite", "UPDATE billing_counter SET carried = 'NaN'"),
    ("tallied_events_are_finite", change_aggregate_state("events = -1")),
    ("tallied_total_is_finite", change_aggregate_state("total = 'NaN'")),
    ("tallied_low_is_finite", change_aggregate_state("low = 'NaN'")),
    ("tallied_high_is_finite", change_aggregate_state("high = '-Infinity'")),
    ("tallied_latest_is_finite", change_aggregate_state("latest_value = 'NaN'")),
    ("tallied_moment_is_finite", change_aggregate_state("moment = 'Infinity'")),
    ("level_is_finite", "UPDATE billing_levelchange SET value = 'NaN'"),
    ("event_is_append_only", "UPDATE billing_event SET occurred_at = occurred_at + interval '1 month'"),
    ("event_is_append_only", "UPDATE billing_event SET properties = '{}' WHERE customer_id IS NULL"),
    ("event_is_append_only", "UPDATE billing_event SET customer_id = NULL WHERE customer_id IS NOT NULL"),
    ("event_is_append_only", "DELETE FROM billing_event"),
    # unmatched usage
    ("unmatched_reason_is_known", REPORTED.format(key="gen_random_uuid()", reason="'other'", resolved="NULL")),
    ("event_is_unmatched_once_per_meter", REPORTED.format(key="event_key", reason="reason", resolved="NULL")),
    ("replayed_usage_says_when", REPORTED.format(key="gen_random_uuid()", reason="reason", resolved="now()")),
    ("unmatched_usage_is_resolved_once", "UPDATE billing_unmatchedusage SET event_name = 'other'"),
    ("unmatched_usage_is_resolved_once", "DELETE FROM billing_unmatchedusage"),
    ("unmatched_usage_is_resolved_once", "UPDATE billing_unmatchedusage SET sandbox = NOT sandbox"),
    (
        "resolved_usage_is_not_ignored",
        "UPDATE billing_unmatchedusage SET resolved_at = now(), resolved_sequence = 1,"
        " ignore_rule_id = (SELECT min(id) FROM billing_ignorerule)",
    ),
    # dismissals and ignore rules
    ("report_is_dismissed_once_at_a_time", dismissal_row()),
    ("dismissal_has_a_reason", dismissal_row(reason="''")),
    ("dismissal_names_its_author", dismissal_row(by="NULL")),
    ("dismissal_is_undone_by_someone_later", dismissal_row(undone="now()")),
    ("dismissal_is_only_undone", "UPDATE billing_dismissal SET reason = 'other'"),
    ("dismissal_is_only_undone", "DELETE FROM billing_dismissal"),
    ("ignore_rule_exists_once", ignore_rule_row()),
    ("ignore_rule_limits_what_it_matches", ignore_rule_row(event="''")),
    ("ignored_reason_is_known", ignore_rule_row(unmatched="'other'")),
    ("ignore_rule_has_a_reason", ignore_rule_row(event="'b'", reason="''")),
    ("ignore_rule_is_removed_by_someone_later", ignore_rule_row(removed="now()")),
    ("ignore_rule_is_only_removed", "UPDATE billing_ignorerule SET reason = 'other'"),
    ("ignore_rule_is_only_removed", "DELETE FROM billing_ignorerule"),
    # corrections
    ("event_is_corrected_once", corrected(key="event_key")),
    ("correction_kind_is_known", corrected(kind="'other'")),
    ("only_a_replacement_has_an_event_of_its_own", corrected(replacement="gen_random_uuid()")),
    ("only_a_replacement_has_an_event_of_its_own", corrected(kind="'replace'")),
    ("correction_has_a_reason", corrected(reason="''")),
    ("correction_names_its_author", corrected(by="NULL")),
    ("pgtrigger", "UPDATE billing_correction SET reason = 'other'"),
    ("pgtrigger", "DELETE FROM billing_correction"),
    # billed usage
    ("billed_quantity_is_finite", billed(quantity="'NaN'")),
    ("billed_fingerprint_is_finite", billed(fingerprint="'NaN'")),
    ("billed_cost_is_finite", billed(carried="'NaN'")),
    ("billed_metered_quantity_is_finite", billed(metered="'NaN'")),
    ("usage_is_billed_once_per_high_water_mark", billed(mark="high_water_mark")),
    ("pgtrigger", "UPDATE billing_billedusage SET quantity = 0"),
    ("pgtrigger", "DELETE FROM billing_billedusage"),
    ("pgtrigger", "DELETE FROM billing_settlement"),
    # commitments
    ("subscriptioncommitment_minimum_is_finite", commitment_row(minimum="'NaN'")),
    ("subscriptioncommitment_is_in_money_or_in_units_of_a_feature", commitment_row(minimum="NULL")),
    ("subscriptioncommitment_is_in_money_or_in_units_of_a_feature", commitment_row(units="5", feature="'a'")),
    ("subscriptioncommitment_is_in_money_or_in_units_of_a_feature", commitment_row(minimum="NULL", units="5")),
    ("subscriptioncommitment_per_window_has_a_feature_and_one_period", commitment_row(per_window="true")),
    (
        "subscriptioncommitment_per_window_has_a_feature_and_one_period",
        commitment_row(per_window="true", feature="'a'", periods="2"),
    ),
    ("subscriptioncommitment_lasts_1_to_120_periods", commitment_row(periods="0")),
    ("subscriptioncommitment_factor_is_0_to_100", commitment_row(overage_factor="'NaN'")),
    ("subscriptioncommitment_discount_is_0_to_100_percent", commitment_row(discount="101")),
    ("own_commitment_ends_after_it_starts", commitment_row(ends_at="starts_at - interval '1 second'")),
    ("subscription_has_one_commitment_at_a_time", commitment_row()),
    ("own_terms_leave_billed_periods_alone", commitment_row(starts_at="starts_at - interval '1 year'")),
    ("own_terms_leave_billed_periods_alone", "UPDATE billing_subscriptioncommitment SET minimum = 7"),
    ("own_terms_leave_billed_periods_alone", "DELETE FROM billing_subscriptioncommitment"),
    # coupons
    ("coupons_are_applied_in_one_order", coupon_row(coupon="s.id")),
    ("coupon_is_redeemed_once_at_a_time", coupon_row(position="2")),
    ("redemption_is_held_by_a_subscription_or_a_customer", customer_coupon_row(subscription="t.id")),
    ("redemption_is_held_by_a_subscription_or_a_customer", customer_coupon_row(customer="NULL")),
    ("redemption_is_held_by_a_subscription_or_a_customer", customer_coupon_row(zone="''")),
    ("coupons_of_a_customer_are_applied_in_one_order", customer_coupon_row(coupon="s.id")),
    ("customer_redeems_a_coupon_once_at_a_time", customer_coupon_row(position="2")),
    (
        "redemption_ends_after_it_starts",
        "UPDATE billing_redemption SET ended_at = since - interval '1 second'",
    ),
    ("redemption_only_ends", "UPDATE billing_redemption SET position = 7"),
    ("redemption_only_ends", "UPDATE billing_redemption SET ended_at = now(), since = since - interval '1 day'"),
    ("redemption_only_ends", "DELETE FROM billing_redemption"),
    # the sandbox
    ("clone_replays_usage_in_order", CLONED.format("id", "x.id", "now() - interval '1 day'")),
    ("nobody_is_their_own_clone", CLONED.format("id", "c.id", "now()")),
    (
        "sandbox_alone_tries_drafts",
        "UPDATE billing_subscription SET version_id = (SELECT id FROM plans_planversion WHERE state = 'draft')",
    ),
]

# A stricter constraint above always rejects these first.
SHADOWED = {"period_kind_is_known", "period_state_is_known"}


@pytest.fixture(scope="module", autouse=True)
def billing_rows(shared_transaction: None) -> None:
    """Create a closed month with usage and an open one, another subscription, and an unmatched event."""
    subscription = make_metered_subscription("acme")
    other = make_metered_subscription("other")
    send(call("c1", timestamp="2026-01-05T00:00:00Z"), call("c2", customer="nobody"))
    olga = User.objects.create(username="dismissing")
    dismiss(report_ids=[UnmatchedUsage.objects.get().pk], reason="load test", at=FEB, by=olga)
    add_ignore_rule(event_name="old", reason="retired", at=FEB, by=olga)
    Series.objects.first().tallies.create(span="", starts_at=FEB, events=1, total=1, moment=0, members=0)
    Series.objects.first().levels.create(at=FEB, source="", key="c1", value=1)
    send(call("c3", customer="other", timestamp="2026-01-05T00:00:00Z"))
    correct_all(correction_request("c3"))
    close_due(at=FEB + timedelta(hours=1))
    add_override(subscription, "calls", "minimum", 1, at=FEB, starts_at=MAR)
    add_commitment(subscription, 100, at=FEB, starts_at=MAR)
    pause(subscription=other, at=FEB, starts_at=MAR, ends_at=MAR + timedelta(days=40))
    cap(subscription, 10, at=FEB)
    make_coupon("SPARE", percent=5)
    apply_coupon(subscription=subscription, coupon=make_coupon(percent=10), at=FEB)
    apply_customer_coupon(customer=other.customer, coupon=make_coupon(percent=10), at=FEB)
    Settlement.objects.create(line=Line.objects.first(), period=subscription.periods.first())
    subscription.holdings.create(fee_code="seats", quantity=5, since=FEB, recorded_at=FEB)
    assert subscription.periods.count() == 2
    following = new_version(source=subscription.version, by=None, at=FEB)
    new_version(source=following, by=None, at=FEB)
    publish_for(
        version=following, audience="cohort", by=None, at=FEB, effective_from=MAR, subscription_ids=[subscription.pk]
    )


@pytest.mark.parametrize(("name", "statement"), CASES, ids=[name for name, _ in CASES])
def test_a_violated_constraint_is_rejected(name: str, statement: str):
    assert refused_by(statement) == name


def test_every_constraint_is_tested():
    known = [
        *CASES,
        *OF_DUNNING,
        *OF_VOUCHER_USAGE,
        *OF_JOBS,
        *DRAWDOWN_CASES,
        *OF_RESERVATIONS,
        *OF_ALERT_RULES,
        *OF_MIGRATIONS,
        *OF_SIMULATIONS,
        *OF_REMOVALS,
    ]
    tried = {name for name, _ in known} | {name for name, *_ in OF_BOOKS}
    assert named_constraints("billing") - SHADOWED <= tried


def test_an_unknown_customers_usage_can_be_assigned_to_its_customer_once():
    first_customer = "(SELECT id FROM customers_customer ORDER BY id LIMIT 1)"
    give = f"UPDATE billing_event SET customer_id = {first_customer} WHERE customer_id IS NULL"  # noqa: S608
    assert refused_by(give) == "nothing"
    resolve = "UPDATE billing_unmatchedusage SET resolved_at = now(), resolved_sequence = 1"
    assert refused_by(resolve) == "nothing"


def test_a_period_with_usage_is_never_removed():
    with_usage = "SELECT period_id FROM billing_counter"
    assert "billing_period" in refused_by(f"DELETE FROM billing_period WHERE id IN ({with_usage})")  # noqa: S608


def test_an_event_counts_once_in_any_partition():
    refusal = refused_by("INSERT INTO billing_event SELECT * FROM billing_event")
    assert re.fullmatch(r"billing_event_\d_pkey", refusal)


def test_history_of_subscriptions_is_only_added_to():
    assert refused_by("DELETE FROM billing_subscriptionevent") == "pgtrigger"
    assert refused_by("UPDATE billing_subscriptionevent SET external_id = 'other'") == "pgtrigger"
