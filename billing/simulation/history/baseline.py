"""Rate past periods by the prices in force, which yields the invoiced amounts if the books are sound."""

import msgspec

from billing.closing.batch import describe_error
from billing.closing.invoice_assembly import assemble_invoice
from billing.closing.records import AssembledInvoice
from billing.metering.rating_inputs.period_loader import read_rating_inputs
from billing.metering.rating_inputs.plan_change_carryover import NOT_BILLED_YET
from billing.simulation.candidate.carryover import tier_progress
from billing.simulation.candidate.commitments import SimulatedAmounts, commitment_cycles_for
from billing.simulation.comparable_lines import compile_bill
from billing.simulation.history.billed_periods import PastPeriods
from billing.simulation.records import PeriodBill


def rate_in_force(past: PastPeriods) -> dict[int, PeriodBill]:
    """Return the bill of each requested period by its own version, with all its usage so far."""
    inputs = read_rating_inputs([past.closings[period_id].span for period_id in past.period_ids])
    bills: dict[int, PeriodBill] = {}
    for subscription_closings in past.by_subscription():
        assembled: AssembledInvoice | None = None
        amounts_by_period: dict[int, SimulatedAmounts] = {}
        for past_closing in subscription_closings:
            period_id = past_closing.span.period_id
            if period_id not in past.period_ids:
                continue
            until = past.at if past.rows[period_id].is_open else None
            try:
                usage = inputs.complete(past_closing.span, past.counters.get(period_id, {}), at=until)
                span = usage.span
                if span.continued == NOT_BILLED_YET:
                    span = msgspec.structs.replace(span, continued=tier_progress(past_closing, assembled))
                closing = msgspec.structs.replace(
                    past_closing,
                    span=span,
                    counters=usage.counters,
                    commitments=commitment_cycles_for(
                        past_closing, past.billed.get(past_closing.subscription_id, ()), amounts_by_period
                    ),
                )
                seller = past.sellers[past_closing.buyer.seller_id]
                assembled = assemble_invoice(closing, seller)
                bill = compile_bill(closing, assembled, seller)
                bills[period_id] = PeriodBill(bill.lines, past.drawdowns(period_id))
            except Exception as error:
                assembled = None
                bills[period_id] = PeriodBill(problems=(describe_error(error),), is_known=False)
            amounts_by_period[period_id] = SimulatedAmounts.from_assembly(past_closing, assembled)
    return bills
