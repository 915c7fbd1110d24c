"""Rate past periods by the prices that were in force: what was invoiced, if all is well."""

import msgspec

from billing.closing.batch import in_words
from billing.closing.invoice_assembly import assemble
from billing.closing.records import Assembled
from billing.metering.rating_inputs.aggregate_quantities import read_held
from billing.metering.rating_inputs.multi_period_windows import read_runs
from billing.metering.rating_inputs.period_counters import with_metered, with_runs
from billing.metering.rating_inputs.plan_change_carryover import NOT_BILLED_YET
from billing.simulation.candidate.carryover import climbed_in
from billing.simulation.candidate.commitments import Tried, contracts_for
from billing.simulation.comparable_lines import bill_of
from billing.simulation.history.billed_periods import Past
from billing.simulation.records import Bill


def in_force(past: Past) -> dict[int, Bill]:
    """Return what each period that was asked for comes to by its own version, with all usage that it has by now."""
    spans = [past.closings[id_].span for id_ in past.wanted]
    held, runs = read_held(spans), read_runs(spans)
    found: dict[int, Bill] = {}
    for of_subscription in past.by_subscription():
        before: Assembled | None = None
        done: dict[int, Tried] = {}
        for kept in of_subscription:
            period_id = kept.span.period_id
            if period_id not in past.wanted:
                continue
            until = past.at if past.rows[period_id].is_open else None
            try:
                span = with_runs(kept.span, runs)
                if span.continued == NOT_BILLED_YET:
                    span = msgspec.structs.replace(span, continued=climbed_in(kept, before))
                closing = msgspec.structs.replace(
                    kept,
                    span=span,
                    counters=with_metered(past.counters.get(period_id, {}), span, held, at=until),
                    contracts=contracts_for(kept, past.billed.get(kept.subscription_id, ()), done),
                )
                seller = past.sellers[kept.buyer.seller_id]
                before = assemble(closing, seller)
                bill = bill_of(closing, before, seller)
                found[period_id] = Bill(bill.lines, past.burnt(period_id))
            except Exception as error:
                before = None
                found[period_id] = Bill(problems=(in_words(error),), is_known=False)
            done[period_id] = Tried.of(kept, before)
    return found
