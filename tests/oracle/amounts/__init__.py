"""Amounts of invoice lines, worked out again."""

from billing.audit.check import Check
from tests.oracle.amounts.commitments import wrong_commitment_lines
from tests.oracle.amounts.coupons import wrong_coupons
from tests.oracle.amounts.fees import wrong_fee_lines
from tests.oracle.amounts.multi_period_fees import wrong_multi_period_fees
from tests.oracle.amounts.one_off_invoices import wrong_one_off_lines
from tests.oracle.amounts.prepaid_fee_adjustments import wrong_prepaid_adjustments
from tests.oracle.amounts.quantities import unsettled_quantities, wrong_quantity_lines
from tests.oracle.amounts.taxes import wrong_taxes

CHECKS = (
    Check("taxes_equal_rate_times_taxable_amount", "I1", wrong_taxes),
    Check("one_off_lines_equal_units_times_price", "I1", wrong_one_off_lines),
    Check("fees_are_prorated_by_their_share", "I1", wrong_fee_lines),
    Check("unused_time_is_credited", "I1", wrong_prepaid_adjustments),
    Check("fees_of_several_periods_are_billed_once", "I1", wrong_multi_period_fees),
    Check("quantity_lines_equal_quantity_times_price", "I1", wrong_quantity_lines),
    Check("quantities_are_charged_for_their_duration", "P3", unsettled_quantities),
    Check("true_ups_equal_the_shortfall", "I1", wrong_commitment_lines),
    Check("coupons_discount_as_redeemed", "I1", wrong_coupons),
)
