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
    Check("taxes_follow_from_their_rates", "I1", wrong_taxes),
    Check("one_off_claims_are_their_units_at_their_price", "I1", wrong_one_off_lines),
    Check("fees_follow_from_their_share", "I1", wrong_fee_lines),
    Check("what_was_cut_off_was_given_back", "I1", wrong_prepaid_adjustments),
    Check("longer_fees_are_due_once", "I1", wrong_multi_period_fees),
    Check("quantities_are_charged_as_their_lines_say", "I1", wrong_quantity_lines),
    Check("quantities_are_charged_for_as_long_as_they_were_held", "P3", unsettled_quantities),
    Check("commitments_come_to_what_was_promised", "I1", wrong_commitment_lines),
    Check("coupons_take_off_what_is_held", "I1", wrong_coupons),
)
