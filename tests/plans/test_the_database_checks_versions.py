"""Raw SQL that violates a constraint or trigger of the plan tables is refused by it."""

# ruff: noqa: S608

from decimal import Decimal

import pytest

from plans.models import CatalogRevision, PlanVersion, Promotion, PromotionCode
from plans.publishing.required_simulation import record_simulation
from tests.builders import (
    FEB,
    JAN,
    commitment,
    fee,
    included,
    make_cost,
    make_coupon,
    make_feature,
    make_meter,
    make_pack,
    make_plan,
    offer,
    publish,
    rate,
    threshold,
    tier,
)
from tests.db_refusals import named_constraints, refused_by

pytestmark = pytest.mark.django_db

LIVE = "SELECT id FROM plans_planversion WHERE state = 'live'"
DRAFT = "SELECT id FROM plans_planversion WHERE state = 'draft'"
OF = {
    "plans_planfeature": "version_id IN ({version})",
    "plans_fee": "version_id IN ({version})",
    "plans_commitment": "version_id IN ({version})",
    "plans_includedcredits": "version_id IN ({version})",
    "plans_billingthreshold": "version_id IN ({version})",
    "plans_price": "plan_feature_id IN (SELECT id FROM plans_planfeature WHERE version_id IN ({version}))",
    "plans_usagelimit": "plan_feature_id IN (SELECT id FROM plans_planfeature WHERE version_id IN ({version}))",
}
OF["plans_rate"] = f"price_id IN (SELECT id FROM plans_price WHERE {OF['plans_price']})"
OF["plans_tier"] = f"rate_id IN (SELECT id FROM plans_rate WHERE {OF['plans_rate']})"

EDITS = {
    "plans_planfeature": "included = included + 1",
    "plans_fee": "amount = amount + 1",
    "plans_commitment": "minimum = minimum + 1",
    "plans_includedcredits": "amount = amount + 1",
    "plans_billingthreshold": "amount = amount + 1",
    "plans_price": "currency = 'EUR'",
    "plans_usagelimit": "most = most + 1",
    "plans_rate": "label = label || 'x'",
    "plans_tier": "unit_price = unit_price + 1",
}
"""A harmless change of each table of a version."""


def of_draft(table: str) -> str:
    return OF[table].format(version=DRAFT)


def edit(table: str, changes: str, *, only: str = "true") -> str:
    return f"UPDATE {table} SET {changes} WHERE {only} AND {of_draft(table)}"


def credits(changes: str) -> str:
    return edit("plans_includedcredits", changes, only="code = 'credits'")


LIMITS = (
    {"kind": "quota", "most": Decimal(9), "after": "slow", "slow_to": Decimal(3)},
    {"kind": "throttle", "most": Decimal(2)},
)


def limit(changes: str, *, only: str = "kind = 'throttle'") -> str:
    return edit("plans_usagelimit", changes, only=only)


def coupon(changes: str) -> str:
    return f"UPDATE plans_coupon SET {changes} WHERE code = 'SPRING'"


def promotion_code(changes: str) -> str:
    return f"UPDATE plans_promotioncode SET {changes} WHERE code = 'WELCOME'"


def pack(table: str, changes: str) -> str:
    return f"UPDATE plans_{table} SET {changes}"


PER_UNIT = "model = 'per_unit'"


def version(changes: str, *, state: str = "draft") -> str:
    return f"UPDATE plans_planversion SET {changes} WHERE state = '{state}'"


TRIED = version("tried_at = now()")
REVIEW = "SELECT id FROM plans_planversion WHERE state = 'review'"


CASES = [
    # meters and features
    ("meter_aggregation_is_known", "UPDATE plans_meter SET aggregation = 'other' WHERE code = 'unused'"),
    ("meter_rounding_is_known", "UPDATE plans_meter SET rounding = 'other' WHERE code = 'unused'"),
    ("meter_rounds_to_12_places_at_most", "UPDATE plans_meter SET rounding_places = 13 WHERE code = 'unused'"),
    (
        "meter_reads_a_dimension_value_once",
        "INSERT INTO plans_meterreading (meter_id, dimension_value, value_property)"
        " SELECT id, 'input', v FROM plans_meter, (VALUES ('a'), ('b')) AS t(v) WHERE code = 'unused'",
    ),
    ("meter_rounds_to_12_places_at_most", "UPDATE plans_meter SET rounding_places = -13 WHERE code = 'unused'"),
    ("meter_measures_deltas_or_levels", "UPDATE plans_meter SET measures = 'other' WHERE code = 'unused'"),
    ("only_a_level_recurs", "UPDATE plans_meter SET recurring = true WHERE code = 'unused'"),
    ("only_a_weighted_sum_has_levels", "UPDATE plans_meter SET measures = 'levels' WHERE code = 'unused'"),
    ("only_recurring_distinct_values_are_held", "UPDATE plans_meter SET held_by = 'day' WHERE code = 'unused'"),
    ("only_distinct_values_go", "UPDATE plans_meter SET operation_property = 'op' WHERE code = 'unused'"),
    ("meter_reads_its_value_in_one_way", "UPDATE plans_meter SET aggregation = 'sum' WHERE code = 'unused'"),
    (
        "meter_reads_its_value_in_one_way",
        "UPDATE plans_meter SET aggregation = 'sum', value_property = 'a', expression = 'b' WHERE code = 'unused'",
    ),
    (
        "only_numbers_are_computed",
        "UPDATE plans_meter SET aggregation = 'unique', expression = 'a' WHERE code = 'unused'",
    ),
    ("feature_kind_is_known", "UPDATE plans_feature SET kind = 'other', meter_id = NULL"),
    ("feature_has_a_meter_if_and_only_if_metered", "UPDATE plans_feature SET meter_id = NULL WHERE kind = 'metered'"),
    ("feature_has_a_meter_if_and_only_if_metered", "UPDATE plans_feature SET kind = 'boolean'"),
    ("feature_fails_open_or_closed", "UPDATE plans_feature SET when_unreachable = 'other'"),
    ("there_is_one_catalog", "INSERT INTO plans_catalogrevision (id, revision) VALUES (2, 1)"),
    # versions
    ("version_state_is_known", version("state = 'other', effective_from = now(), published_at = now()")),
    ("version_interval_is_known", version("interval_unit = 'hour'")),
    ("version_interval_count_is_1_to_120", version("interval_count = 121")),
    ("version_interval_count_is_1_to_120", version("interval_count = 0")),
    ("version_trial_is_0_to_730_days", version("trial_days = 731")),
    ("version_trial_usage_is_known", version("trial_usage = 'other'")),
    ("version_number_is_used_once_per_plan", version("number = 1")),
    ("published_version_says_since_when", version("state = 'live'")),
    ("version_ends_after_it_starts", version("effective_from = now(), effective_to = now() - interval '1 second'")),
    (
        "one_version_of_a_plan_is_in_force_at_a_time",
        version("state = 'live', effective_from = '2026-05-01', published_at = now()"),
    ),
    # features, prices and fees of a version
    ("consumption_model_is_known", edit("plans_planfeature", "consumption = 'other'")),
    ("rule_at_zero_is_known", edit("plans_planfeature", "at_zero = 'other', consumption = 'credits'")),
    ("unlock_threshold_is_finite", edit("plans_planfeature", "unlocked_at = 'NaN', unlocked_by = 'spend'")),
    ("feature_opens_by_something_that_can_be_reached", edit("plans_planfeature", "unlocked_by = 'spend'")),
    (
        "feature_opens_by_something_that_can_be_reached",
        edit("plans_planfeature", "unlocked_by = '', unlocked_at = 1"),
    ),
    (
        "feature_opens_by_something_that_can_be_reached",
        edit("plans_planfeature", "unlocked_by = 'usage', unlocked_at = 1"),
    ),
    ("grace_is_finite", edit("plans_planfeature", "grace = 'NaN', at_zero = 'grace', consumption = 'credits'")),
    ("only_a_prepaid_feature_has_a_zero_policy", edit("plans_planfeature", "at_zero = 'overage'")),
    ("grace_has_a_limit", edit("plans_planfeature", "at_zero = 'grace', consumption = 'credits'")),
    ("grace_has_a_limit", edit("plans_planfeature", "grace = 5, consumption = 'credits'")),
    ("included_units_are_finite", edit("plans_planfeature", "included = 'NaN'")),
    ("included_units_are_finite", edit("plans_planfeature", "included = -1")),
    (
        "feature_has_one_consumption_model",
        edit("plans_planfeature", "feature_id = (SELECT min(feature_id) FROM plans_planfeature)"),
    ),
    (
        "feature_has_one_price_per_currency",
        "INSERT INTO plans_price (plan_feature_id, currency, resets_unit, resets_every)"
        " SELECT plan_feature_id, currency, '', 1 FROM plans_price"
        f" WHERE {of_draft('plans_price')}",
    ),
    ("price_minimum_is_finite", edit("plans_price", "minimum = 'NaN'")),
    ("price_maximum_is_finite", edit("plans_price", "maximum = -1")),
    ("price_minimum_is_below_its_maximum", edit("plans_price", "minimum = 2, maximum = 1")),
    ("price_is_split_into_1_to_10000_values", edit("plans_price", "split_by = 'key', split_bound = 10001")),
    ("price_is_split_into_1_to_10000_values", edit("plans_price", "split_by = 'key', split_bound = 0")),
    ("only_a_split_price_has_values", edit("plans_price", "split_bound = 5")),
    ("amount_billed_in_advance_is_finite", edit("plans_price", "billed_each = -1")),
    ("amount_billed_in_advance_is_finite", edit("plans_price", "billed_each = 'NaN'")),
    ("only_a_split_price_has_values", edit("plans_price", "allowance_per_value = true")),
    ("price_reset_is_known", edit("plans_price", "resets_unit = 'minute'")),
    ("price_resets_every_1_to_120", edit("plans_price", "resets_every = 0")),
    ("charge_model_is_known", edit("plans_rate", "model = 'other'", only="model = 'per_unit'")),
    ("unit_price_is_finite", edit("plans_rate", "unit_price = 'NaN'", only="model = 'per_unit'")),
    ("rate_has_a_unit_price_or_tiers", edit("plans_rate", "unit_price = NULL", only="model = 'per_unit'")),
    ("rate_has_a_unit_price_or_tiers", edit("plans_rate", "unit_price = 1", only="model = 'graduated'")),
    ("only_a_percentage_has_one", edit("plans_rate", "percent = 1", only="model = 'per_unit'")),
    ("only_a_percentage_has_one", edit("plans_rate", "model = 'percentage', unit_price = NULL", only=PER_UNIT)),
    ("rate_percent_is_finite", edit("plans_rate", "model = 'percentage', unit_price = NULL, percent = 'NaN'")),
    ("fixed_fee_is_finite", edit("plans_rate", "fixed_fee = 'NaN'")),
    ("free_events_are_finite", edit("plans_rate", "free_events = 1000001")),
    ("free_value_is_finite", edit("plans_rate", "free_value = 'NaN'")),
    ("least_per_event_is_finite", edit("plans_rate", "least_per_event = 'NaN'")),
    ("most_per_event_is_finite", edit("plans_rate", "most_per_event = -1")),
    ("markup_is_finite", edit("plans_rate", "markup = 1001")),
    ("package_rounding_is_known", edit("plans_rate", "package_rounding = 'near'")),
    ("cost_source_is_known", edit("plans_rate", "cost_source = 'other'")),
    ("tier_percent_is_finite", edit("plans_tier", "percent = 'NaN', unit_price = 0")),
    ("tier_has_a_price_or_a_percentage", edit("plans_tier", "percent = 1, unit_price = 1")),
    ("only_a_package_has_a_size", edit("plans_rate", "package_size = 10", only="model = 'per_unit'")),
    ("only_a_package_has_a_size", edit("plans_rate", "model = 'package'", only="model = 'per_unit'")),
    (
        "package_size_is_positive",
        edit("plans_rate", "model = 'package', package_size = 0", only="model = 'per_unit'"),
    ),
    ("dimensions_match_one_rate", edit("plans_rate", "match = '{}'")),
    ("tier_bound_is_positive", edit("plans_tier", "up_to = 0", only="up_to IS NOT NULL")),
    ("tier_bound_is_used_once", edit("plans_tier", "up_to = NULL")),
    ("tier_unit_price_is_finite", edit("plans_tier", "unit_price = 'NaN'")),
    ("tier_flat_fee_is_finite", edit("plans_tier", "flat_fee = -1")),
    ("tier_maximum_is_finite", edit("plans_tier", "maximum = 'NaN'")),
    ("fee_kind_is_known", edit("plans_fee", "kind = 'other'")),
    ("fee_recognition_is_known", edit("plans_fee", "kind = 'one_time', recognition = 'other'")),
    ("only_a_one_time_fee_chooses_its_recognition", edit("plans_fee", "kind = 'base', recognition = 'once'")),
    ("recognition_over_months_names_1_to_120", edit("plans_fee", "kind = 'one_time', recognition = 'months'")),
    ("recognition_over_months_names_1_to_120", edit("plans_fee", "recognition_months = 12")),
    ("fee_is_billed_in_advance_or_arrears", edit("plans_fee", "billed = 'other'")),
    ("fee_is_finite", edit("plans_fee", "amount = 'NaN'")),
    ("fee_is_listed_once_per_currency", edit("plans_fee", "code = 'same'")),
    ("fee_basis_is_known", edit("plans_fee", "basis = 'other'")),
    ("included_seats_are_finite", edit("plans_fee", "basis = 'seat', included = 1000001")),
    ("minimum_quantity_is_finite", edit("plans_fee", "basis = 'seat', least = 1000001")),
    ("maximum_quantity_is_finite", edit("plans_fee", "basis = 'seat', most = 0")),
    ("maximum_quantity_is_not_below_the_minimum", edit("plans_fee", "basis = 'seat', least = 2, most = 1")),
    ("only_a_unit_fee_has_quantity_bounds", edit("plans_fee", "included = 1")),
    ("an_add_on_is_optional", edit("plans_fee", "basis = 'add_on', least = 1")),
    ("fee_has_a_code", edit("plans_fee", "code = ''")),
    ("fee_is_for_some_periods", edit("plans_fee", "every = 0")),
    ("fee_is_for_some_periods", edit("plans_fee", "every = 121")),
    ("only_a_fixed_base_fee_is_for_several_periods", edit("plans_fee", "every = 2, kind = 'one_time'")),
    ("only_a_fixed_base_fee_is_for_several_periods", edit("plans_fee", "every = 2, basis = 'seat'")),
    # unit costs
    ("unit_cost_is_finite", "UPDATE plans_unitcost SET cost = 'NaN'"),
    ("unit_cost_is_finite", "UPDATE plans_unitcost SET cost = -1"),
    ("unit_cost_ends_after_it_starts", "UPDATE plans_unitcost SET valid_to = valid_from"),
    (
        "one_unit_cost_is_in_force_at_a_time",
        "INSERT INTO plans_unitcost (meter_id, match, currency, cost, valid_from, note, created_at)"
        " SELECT meter_id, '{}', currency, 1, valid_from + interval '1 day', '', now() FROM plans_unitcost",
    ),
    ("commitment_minimum_is_finite", edit("plans_commitment", "minimum = 'NaN'")),
    ("commitment_is_in_money_or_in_units_of_a_feature", edit("plans_commitment", "minimum = NULL")),
    ("commitment_is_in_money_or_in_units_of_a_feature", edit("plans_commitment", "units = 5, feature = 'a'")),
    ("commitment_is_in_money_or_in_units_of_a_feature", edit("plans_commitment", "minimum = NULL, units = 5")),
    (
        "commitment_is_in_money_or_in_units_of_a_feature",
        edit("plans_commitment", "minimum = NULL, units = 0, feature = 'a'"),
    ),
    (
        "commitment_is_in_money_or_in_units_of_a_feature",
        edit("plans_commitment", "minimum = NULL, units = 'NaN', feature = 'a'"),
    ),
    ("commitment_per_window_has_a_feature_and_one_period", edit("plans_commitment", "per_window = true")),
    (
        "commitment_per_window_has_a_feature_and_one_period",
        edit("plans_commitment", "per_window = true, feature = 'a', periods = 2"),
    ),
    ("commitment_lasts_1_to_120_periods", edit("plans_commitment", "periods = 0")),
    ("commitment_factor_is_0_to_100", edit("plans_commitment", "overage_factor = 'NaN'")),
    ("commitment_discount_is_0_to_100_percent", edit("plans_commitment", "discount = 101")),
    ("included_credits_are_listed_once", credits("code = 'more', unit = 'USD'")),
    ("included_unit_is_credits_or_a_currency", credits("unit = 'euro'")),
    ("included_amount_is_positive_and_finite", credits("amount = 0")),
    ("included_amount_is_positive_and_finite", credits("amount = 'NaN'")),
    ("included_credits_come_at_a_known_time", credits("every = 'other'")),
    ("included_credits_last_for_a_known_time", credits("lasts = 'other', days = NULL")),
    ("only_credits_that_last_for_days_have_days", credits("lasts = 'days', days = NULL")),
    ("only_credits_that_last_for_days_have_days", credits("lasts = 'days', days = 4000")),
    ("only_credits_that_last_for_days_have_days", credits("days = 5")),
    ("included_credits_roll_over_0_to_36_times", credits("rolls_over = 37")),
    ("included_credits_that_last_do_not_roll_over", credits("lasts = 'ever', rolls_over = 1")),
    ("rollover_has_a_bound_only_where_there_is_one", credits("rollover_most = 5")),
    ("rollover_has_a_bound_only_where_there_is_one", credits("rolls_over = 1, rollover_most = 'NaN'")),
    ("included_priority_is_0_to_1000", credits("priority = 1001")),
    ("threshold_is_above_zero", edit("plans_billingthreshold", "amount = 0", only="repeats")),
    ("threshold_is_above_zero", edit("plans_billingthreshold", "amount = 'NaN'", only="repeats")),
    ("threshold_is_listed_once", edit("plans_billingthreshold", "amount = 5", only="repeats")),
    ("one_threshold_of_a_version_repeats", edit("plans_billingthreshold", "repeats = true")),
    ("version_has_one_commitment_per_currency", edit("plans_commitment", "currency = 'EUR'")),
    ("allowance_of_a_stub_is_known", edit("plans_planfeature", "stub_allowance = 'other'")),
    # quotas and throttles
    ("usage_limit_kind_is_known", limit("kind = 'other'")),
    ("usage_limit_counts_units_or_events", limit("counts = 'other'")),
    ("usage_limit_allows_something", limit("most = 0")),
    ("usage_limit_allows_something", limit("most = 'NaN'")),
    ("quota_window_start_is_known", limit("window_start = 'other'", only="kind = 'quota'")),
    ("usage_after_a_quota_is_known", limit("after = 'other', slow_to = NULL", only="kind = 'quota'")),
    ("quota_window_lasts_a_minute_to_thirty_days", limit("window_unit = 'day', window_count = 31")),
    ("quota_window_lasts_a_minute_to_thirty_days", limit("window_unit = 'year'")),
    ("only_a_slowed_quota_has_a_rate", limit("slow_to = NULL", only="kind = 'quota'")),
    ("slowed_uses_are_finite", limit("slow_to = 'NaN'", only="kind = 'quota'")),
    ("throttle_counts_the_last_minute", limit("window_count = 2", only="kind = 'throttle'")),
    (
        "usage_is_limited_once_per_window",
        limit("kind = 'throttle', after = 'refuse', slow_to = NULL", only="kind = 'quota'"),
    ),
    # credit packs
    ("pack_unit_is_known", pack("creditpack", "unit = 'other'")),
    ("bonus_is_reached_by_units_or_price", pack("creditpack", "slabs_by = 'other'")),
    ("pack_holds_units_or_sells_them_one_by_one", pack("creditpack", "units = NULL")),
    ("pack_holds_units_or_sells_them_one_by_one", pack("creditpack", "units = 'NaN'")),
    ("pack_holds_units_or_sells_them_one_by_one", pack("creditpack", "least_units = 1, most_units = 2")),
    (
        "pack_holds_units_or_sells_them_one_by_one",
        pack("creditpack", "units = NULL, least_units = 2, most_units = 1"),
    ),
    ("only_a_multi_purpose_pack_includes_tax", pack("creditpack", "includes_tax = true")),
    ("pack_is_valid_for_1_to_3650_days", pack("creditpack", "valid_days = 0")),
    ("rollover_of_a_pack_is_finite", pack("creditpack", "rolls_over = 1, rollover_most = 'NaN'")),
    ("rollover_lasts_1_to_3650_days", pack("creditpack", "rolls_over = 1, rollover_days = 0")),
    ("only_a_pack_that_expires_rolls_over", pack("creditpack", "rolls_over = 1, valid_days = NULL")),
    ("only_a_pack_that_expires_rolls_over", pack("creditpack", "rollover_days = 3")),
    ("sale_of_a_pack_ends_after_it_starts", pack("creditpack", "sold_from = now(), sold_until = now()")),
    ("pack_has_one_price_in_a_currency", pack("packprice", "currency = 'EUR'")),
    ("pack_price_is_above_zero", pack("packprice", "price = 0")),
    ("pack_price_is_above_zero", pack("packprice", "price = 'NaN'")),
    ("slab_begins_once", pack("bonusslab", "least = 7")),
    ("slab_begins_at_a_finite_number", pack("bonusslab", "least = -1")),
    ("bonus_units_are_finite", pack("bonusslab", "units = 'NaN'")),
    ("bonus_is_0_to_1000_percent", pack("bonusslab", "percent = 1001")),
    # coupons and promotions
    ("code_names_one_coupon", coupon("code = 'OTHER'")),
    ("coupon_code_is_plain", coupon("code = 'spring'")),
    ("coupon_is_a_percentage_or_an_amount", coupon("amount = 5, currency = 'USD'")),
    ("coupon_is_a_percentage_or_an_amount", coupon("percent = NULL")),
    ("coupon_is_a_percentage_or_an_amount", coupon("currency = 'USD'")),
    ("coupon_takes_up_to_100_percent_off", coupon("percent = 101")),
    ("coupon_takes_up_to_100_percent_off", coupon("percent = 0")),
    ("coupon_amount_is_finite", coupon("percent = NULL, amount = 'NaN', currency = 'USD'")),
    ("coupon_duration_is_known", coupon("duration = 'other'")),
    ("coupon_says_for_how_many_periods", coupon("duration = 'periods'")),
    ("coupon_says_for_how_many_periods", coupon("periods = 3")),
    ("coupon_limit_is_finite", coupon("most_redemptions = 0")),
    ("coupon_limit_per_customer_is_finite", coupon("most_per_customer = 0")),
    ("coupon_is_given_within_its_limit", coupon("redeemed = 2, most_redemptions = 1")),
    ("coupon_period_is_finite", coupon("period_months = 0")),
    ("only_an_amount_carries_over", coupon("carries_over = true")),
    ("coupon_ends_after_it_starts", coupon("redeem_from = now(), redeem_until = now()")),
    ("redeemed_coupon_keeps_its_terms", "UPDATE plans_coupon SET percent = 20 WHERE redeemed > 0"),
    ("redeemed_coupon_keeps_its_terms", "UPDATE plans_coupon SET code = 'MINE' WHERE redeemed > 0"),
    ("redeemed_coupon_keeps_its_terms", "DELETE FROM plans_coupon WHERE redeemed > 0"),
    ("code_names_one_promotion_code", promotion_code("code = 'FRIENDS'")),
    ("promotion_code_is_plain", promotion_code("code = 'friends'")),
    ("promotion_code_limit_is_finite", promotion_code("most_redemptions = 0")),
    ("promotion_code_limit_per_customer_is_finite", promotion_code("most_per_customer = 0")),
    ("promotion_code_is_redeemed_within_its_limit", promotion_code("redeemed = 2, most_redemptions = 1")),
    ("promotion_code_ends_after_it_starts", promotion_code("redeem_from = now(), redeem_until = now()")),
    ("redeemed_code_keeps_its_coupon", "UPDATE plans_promotioncode SET code = 'MINE' WHERE redeemed > 0"),
    ("redeemed_code_keeps_its_coupon", "DELETE FROM plans_promotioncode WHERE redeemed > 0"),
    ("promotion_ends_after_it_starts", "UPDATE plans_promotion SET ends_at = starts_at"),
    (
        "coupon_is_promoted_once_at_a_time",
        "INSERT INTO plans_promotion (coupon_id, plan_id, starts_at)"
        " SELECT coupon_id, plan_id, starts_at + interval '1 day' FROM plans_promotion",
    ),
    # a published version
    ("published_version_changes_only_its_state", version("interval_unit = 'year'", state="live")),
    ("published_version_changes_only_its_state", version("effective_from = now()", state="live")),
    ("published_version_changes_only_its_state", version("state = 'draft'", state="live")),
    ("published_version_changes_only_its_state", version("note = 'other'", state="retired")),
    ("published_version_changes_only_its_state", version("effective_to = NULL", state="retired")),
    ("published_version_changes_only_its_state", "DELETE FROM plans_planversion WHERE state = 'live'"),
    # a version in review
    ("version_in_review_is_frozen", version("interval_unit = 'year'", state="review")),
    ("version_in_review_is_frozen", version("note = 'other'", state="review")),
    ("there_is_one_publishing_rule", "UPDATE plans_publishingrule SET id = 2"),
    ("version_in_review_is_frozen", f"{TRIED}; UPDATE plans_planversion SET note = 'other' WHERE state = 'draft'"),
    ("tried_version_is_frozen", f"{TRIED}; {version('tried_at = NULL')}"),
    (
        "published_version_changes_only_its_state",
        f"{TRIED}; DELETE FROM plans_planversion WHERE tried_at > '2000-01-01'",
    ),
    ("published_version_is_frozen", f"{TRIED}; UPDATE plans_fee SET amount = 7 WHERE version_id IN ({DRAFT})"),
    ("required_simulation_names_its_content", "UPDATE plans_requiredsimulation SET content = 'x'"),
    (
        "version_has_one_required_simulation_at_a_time",
        "INSERT INTO plans_requiredsimulation (version_id, content, reference, facts, at)"
        " SELECT version_id, content, reference, facts, at FROM plans_requiredsimulation",
    ),
    # a meter that it prices
    ("meter_in_use_keeps_its_meaning", "UPDATE plans_meter SET event_name = 'other' WHERE code = 'api.calls'"),
    ("meter_in_use_keeps_its_meaning", "DELETE FROM plans_meter WHERE code = 'api.calls'"),
    (
        "meter_in_use_keeps_its_meaning",
        "INSERT INTO plans_meterreading (meter_id, dimension_value, value_property)"
        " SELECT id, 'a', 'b' FROM plans_meter WHERE code = 'api.calls'",
    ),
]


@pytest.fixture(scope="module", autouse=True)
def catalog_rows(shared_transaction: None) -> None:
    """Create a plan with a retired, a live and a draft version of equal contents, and an unused meter."""
    make_meter("unused")
    make_feature("sso", kind="boolean")
    make_cost(make_meter("unused"), "0.5")
    make_coupon("OTHER", percent=10, redeemed=1)
    spring = make_coupon("SPRING", percent=10)
    make_pack("hundred", valid_days=30, slabs=[(0, 1, 0), (9, 2, 0)], prices={"USD": 99, "EUR": 90})
    for number in (1, 2, 3, 4):
        rates = [rate("0.05", match={"model": "a"}), rate(tiers=[tier(10, 1, 5), tier(None, 2)])]
        offers = [offer("api.calls", rates=rates), offer("storage", rates=[rate("1")], limits=LIMITS)]
        fees = [fee("5"), fee("9", kind="one_time")]
        promised = [commitment(100), commitment(90, currency="EUR")]
        granted = [included(5), included(5, code="more", unit="USD")]
        plan_version = make_plan(
            "starter",
            fees=fees,
            offers=offers,
            commitments=promised if number == 3 else promised[:1],
            credits=granted,
            thresholds=[threshold(5), threshold(7, repeats=True)],
        )
        if number < 3:
            publish(plan_version, at=JAN if number == 1 else FEB)
        if number == 4:
            PlanVersion.objects.filter(pk=plan_version.pk).update(state="review")
    Promotion.objects.create(coupon=spring, plan=plan_version.plan, starts_at=JAN)
    PromotionCode.objects.create(code="WELCOME", coupon=spring)
    PromotionCode.objects.create(code="FRIENDS", coupon=spring, redeemed=1)
    record_simulation(version=plan_version, content="0" * 64, reference="simulation:1", facts={}, at=FEB)
    assert list(PlanVersion.objects.order_by("number").values_list("state", flat=True)) == [
        "retired",
        "live",
        "draft",
        "review",
    ]


@pytest.mark.parametrize(("name", "statement"), CASES)
def test_a_violated_constraint_is_rejected(name: str, statement: str):
    assert refused_by(statement) == name


def test_every_constraint_is_tested():
    assert named_constraints("plans") <= {name for name, _ in CASES}


@pytest.mark.parametrize("table", list(OF))
def test_a_published_version_is_frozen_and_a_draft_is_not(table: str):
    published = OF[table].format(version=LIVE)
    assert refused_by(f"UPDATE {table} SET {EDITS[table]} WHERE {published}") == "published_version_is_frozen"
    assert refused_by(f"DELETE FROM {table} WHERE {published}") == "published_version_is_frozen"
    assert refused_by(f"UPDATE {table} SET {EDITS[table]} WHERE {of_draft(table)}") == "nothing"


@pytest.mark.parametrize("table", list(OF))
def test_a_version_in_review_is_frozen(table: str):
    changed = f"UPDATE {table} SET {EDITS[table]} WHERE {OF[table].format(version=REVIEW)}"
    assert refused_by(changed) == "published_version_is_frozen"


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE plans_fee SET version_id = ({LIVE}) WHERE version_id IN ({DRAFT}) AND label = 'Base fee'",
        "INSERT INTO plans_fee (version_id, code, kind, label, currency, amount, basis, included, least, billed,"
        f" position) SELECT ({LIVE}), 'new', kind, label, currency, amount, basis, included, least, billed, position"
        f" FROM plans_fee WHERE version_id IN ({DRAFT})",
    ],
)
def test_no_row_is_moved_or_added_to_a_published_version(statement: str):
    assert refused_by(statement) == "published_version_is_frozen"


def test_a_name_or_unit_may_change_since_no_amount_depends_on_it():
    assert refused_by("UPDATE plans_meter SET name = 'Calls', unit = 'request' WHERE code = 'api.calls'") == "nothing"


def test_the_catalog_revision_grows_with_every_change_of_a_meter():
    before = CatalogRevision.objects.get().revision
    make_meter("another")
    assert CatalogRevision.objects.get().revision > before


def test_history_of_prices_is_only_added_to():
    assert refused_by("UPDATE plans_rateevent SET label = 'other'") == "pgtrigger"
    assert refused_by("DELETE FROM plans_rateevent") == "pgtrigger"
