"""Lines for usage: one for each rate that was used, with the workings that are its amount."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import msgspec

from billing.closing.lines.line_templates import Recipe, recipe_of
from billing.closing.records import Closing, Snapshot
from billing.metering.rating_inputs.period_counters import NOTHING, Counters, Span, Window
from billing.metering.rating_inputs.window_amounts import Due, rate_window
from billing.subscriptions.periods.boundaries import anchor_of, whole_interval, window_of
from invoices.documents.drafts import DraftLine
from invoices.documents.seller_terms import SellerTerms, last_instant
from lib.decimals import EXACT, ZERO, plain
from lib.money import round_money
from plans.catalog.stored_terms import FREE_RATE, Difference, FeatureTerms, Terms, terms_of
from plans.pricing.proration import share
from plans.pricing.rating import BEYOND, BOUND, WHOLE, RatedLine


class UnpricedUsage(Exception):
    """Usage was counted for a feature that the version has no price for."""


def rated(span: Span, counters: Counters, *, idle: bool = False) -> Iterator[Due]:
    """
    Rate what was used in a period: each feature's rates in the order of the plan, window by window.

    idle: whether to rate features that were not used at all, at a quantity of zero.

    :raises UnpricedUsage: if a counter's feature has no price in the currency.
    :raises ValueError: if a quantity cannot be priced, with the reason in words.
    """
    recipe = recipe_of(span)
    for window in _windows(recipe, span, counters, idle=idle):
        feature = recipe.features.get(window.plan_feature_id)
        if feature is None or feature.price is None:
            raise UnpricedUsage(
                f"Usage of plan feature {window.plan_feature_id} has no price in {span.currency} in"
                f" {recipe.terms.plan_code} v{recipe.terms.version_number}."
            )
        counted = counters.get(window, {})
        if idle and not counted:
            counted = {int(feature.price.rates[0].key): NOTHING}
        part = share_of(span, feature, window) if feature.price.is_bounded and not feature.runs_on else WHOLE
        for line, before in rate_window(span, feature, counted, part=part).lines():
            yield Due(feature, window, line, before, counted.get(int(line.rate_key), NOTHING))


def _windows(recipe: Recipe, span: Span, counters: Counters, *, idle: bool) -> list[Window]:
    """Return the windows to rate, in the plan's order of features, then by time."""
    windows = list(counters)
    used = {window.plan_feature_id for window in windows}
    unused = recipe.features.values() if idle else [*recipe.standing, *_running(recipe, span)]
    windows += [
        Window(one.plan_feature_id, start)
        for one in dict.fromkeys(unused)
        for start in _starts(recipe.terms, one, span)
        if one.resets is not None or one.plan_feature_id not in used
        if Window(one.plan_feature_id, start) not in counters
    ]
    if len(windows) > 1:
        order = {id_: position for position, id_ in enumerate(recipe.features)}
        windows.sort(key=lambda window: (order.get(window.plan_feature_id, 0), window.starts_at))
    return windows


def _running(recipe: Recipe, span: Span) -> Iterator[FeatureTerms]:
    """Yield features that were used earlier in a window that runs on: what they come to may change without usage."""
    return (recipe.features[plan_feature_id] for plan_feature_id, run in span.runs.items() if run.earlier)


def _starts(terms: Terms, feature: FeatureTerms, span: Span) -> Iterator[datetime]:
    """Yield where the windows of a period begin, on which a feature is due without usage."""
    if feature.resets is None:
        yield span.starts_at
        return
    at = span.starts_at
    while at < span.ends_at:
        start, at = window_of(terms, feature.resets, anchor_at=span.anchor_at, zone=ZoneInfo(span.time_zone), at=at)
        yield start


def share_of(span: Span, feature: FeatureTerms, window: Window) -> Fraction:
    """Return which share of its full window of use a period has, by the proration of its version."""
    if feature.resets is None:
        return share_of_period(span)
    terms, zone = terms_of(span.version_id, span.currency), ZoneInfo(span.time_zone)
    whole = window_of(terms, feature.resets, anchor_at=span.anchor_at, zone=zone, at=window.starts_at)
    return _share(span, whole, terms)


def share_of_period(span: Span) -> Fraction:
    """Return which share of its whole interval a period is, by the proration of its version."""
    terms = terms_of(span.version_id, span.currency)
    anchor = anchor_of(terms, anchor_at=span.anchor_at, time_zone=span.time_zone)
    return _share(span, whole_interval(anchor, span.starts_at), terms)


def _share(span: Span, whole: tuple[datetime, datetime], terms: Terms) -> Fraction:
    start, end = whole
    return share(
        max(start, span.starts_at),
        min(end, span.ends_at),
        full_start=start,
        full_end=end,
        by=terms.proration,  # type: ignore[arg-type]
        zone=ZoneInfo(span.time_zone),
    )


def usage_lines(closing: Closing, seller: SellerTerms, *, idle: bool = False) -> Iterator[tuple[DraftLine, Snapshot]]:
    """Yield a line with its snapshot for each rate that was used or is due without usage."""
    span = closing.span
    descriptions = recipe_of(span).descriptions
    supplied_at = last_instant(span.ends_at)
    for due in rated(span, closing.counters, idle=idle):
        feature, window, line, before, counted = due
        amount, quantity = due.amount(span.currency), due.quantity
        if not quantity and not amount and not idle:
            continue
        rate_id = int(line.rate_key)
        told = beside(span, feature, line.rate_key) | (since_before(due, span.currency) if before else {})
        drafted = DraftLine(
            kind="usage",
            description=described(span, feature, line, descriptions),
            service_start=span.starts_at,
            service_end=span.ends_at,
            quantity=quantity,
            unit=feature.unit,
            amount=amount,
            taxes=seller.taxes_of(closing.buyer, at=supplied_at, code=feature.tax_code),
            explanation=explained(line, feature.agreed, **told),
            plan_feature_id=feature.plan_feature_id,
            rate_id=rate_id if rate_id > FREE_RATE else None,
            subject=f"feature:{feature.code}",
        )
        yield drafted, Snapshot(drafted, span.period_id, window, rate_id, counted, earlier_of(span, feature))


def beside(span: Span, feature: FeatureTerms, rate_key: int | str) -> dict[str, str]:
    """
    Return what the workings of a line say beside its parts: whether usage of a trial was free or billed, and which
    unit a wallet has paid it in, `XCR` for credits.
    """
    told = {"trial": terms_of(span.version_id, span.currency).trial_usage} if span.is_trial else {}
    return told | {"wallet": feature.wallet} if feature.wallet and rate_key != BEYOND else told


def since_before(
    due: Due, currency: str, *, claimed: Decimal = ZERO, quantity: Decimal = ZERO, given: Decimal = ZERO
) -> dict[str, str]:
    """
    Return how the workings of a line go on where they are of more than what it claims.

    claimed, quantity: of the same period, by lines before this one. given: what is not given back again.
    """
    cumulative = f"{round_money(due.line.amount, currency):f}"
    billed = f"{round_money(EXACT.add(due.billed_before(currency), claimed), currency):f}"
    earlier = ZERO if due.before is None else due.before.quantity
    return {
        "formula": f"{cumulative} − {billed}" + (f" + {round_money(given, currency):f}" if given else ""),
        "cumulative": cumulative,
        "billed_before": billed,
        "quantity_before": plain(EXACT.add(earlier, quantity)),
        **({"given_before": plain(given)} if given else {}),
    }


def earlier_of(span: Span, feature: FeatureTerms) -> bytes | None:
    """Return as JSON what earlier periods had used of a window that runs on, for the snapshot; None of others."""
    run = span.runs.get(feature.plan_feature_id)
    if run is None or run.earlier is None:
        return None
    return msgspec.json.encode({str(rate_id): plain(quantity) for rate_id, quantity in sorted(run.earlier.items())})


def described(span: Span, feature: FeatureTerms, line: RatedLine, descriptions: Mapping[int, str]) -> str:
    """Return how the line of a rate, or of a bound, reads."""
    has_own = line.rate_key in (BOUND, BEYOND) and line.label
    of_bound = f"{feature.name}: {line.label}" if has_own else feature.name
    text = descriptions.get(int(line.rate_key)) or of_bound
    text = f"{text} (as agreed)" if feature.agreed else text
    return f"{text} (trial)" if span.is_trial else text


def explained(line: RatedLine, agreed: Sequence[Difference] = (), **more: str) -> bytes:
    """
    Return the workings of a line as JSON: what `RatedLine.as_json` says, the sum that it is as a formula, and more.

    agreed: where it is not by the published price. Every other value is a number in plain text, so the JSON is put
    together as it stands, in a third of the time.
    """
    parts, terms = [], []
    for part in line.parts:
        units, unit_price, flat_fee = plain(part.units), plain(part.unit_price), plain(part.flat_fee)
        end = "null" if part.end is None else f'"{plain(part.end)}"'
        parts.append(
            f'{{"from":"{plain(part.start)}","to":{end},"units":"{units}","unit_price":"{unit_price}"'
            f',"flat_fee":"{flat_fee}","amount":"{plain(part.amount)}"}}'
        )
        if part.units and part.unit_price:
            terms.append(f"{units} × {unit_price}")
        if part.flat_fee:
            terms.append(flat_fee)
    more = {"formula": " + ".join(terms) or "0", **more}
    if line.climbed:
        more["climbed"] = plain(line.climbed)
    rest = "".join(f',"{name}":"{text}"' for name, text in more.items())
    if agreed:
        rest += f',"agreed":{msgspec.json.encode([one._asdict() for one in agreed]).decode()}'
    return (
        f'{{"quantity":"{plain(line.quantity)}","included":"{plain(line.included)}"'
        f',"billable":"{plain(line.billable)}","refused":"{plain(line.refused)}","parts":[{",".join(parts)}]'
        f',"amount":"{plain(line.amount)}"{rest}}}'
    ).encode()
