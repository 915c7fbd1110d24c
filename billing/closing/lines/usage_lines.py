"""Usage lines: one per rate used, with the workings that make up its amount."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from zoneinfo import ZoneInfo

import msgspec

from billing.closing.lines.line_templates import LineTemplates, line_templates
from billing.closing.records import PeriodToClose, UsageSnapshot
from billing.metering.rating_inputs.rating_period import EMPTY_COUNTER, Counters, CounterWindow, RatingPeriod
from billing.metering.rating_inputs.window_amounts import WindowCharge, rate_window
from billing.subscriptions.periods.boundaries import period_anchor, usage_window, whole_interval
from invoices.documents.drafts import DraftLine
from invoices.documents.seller_terms import SellerTerms, last_instant
from lib.decimals import EXACT, ZERO, to_plain_string
from lib.money import round_money
from plans.catalog.stored_terms import FREE_RATE, FeatureTerms, TermDifference, VersionTerms, load_terms
from plans.pricing.price_splits import listed_key
from plans.pricing.proration import ProrationUnit, share_of_interval
from plans.pricing.rating import BOUND, FULL_PERIOD, UNCOVERED, RatedLine

NO_LEVELS: Mapping[str, object] = MappingProxyType({})


class UnpricedUsage(Exception):
    """Usage was counted for a feature that the version has no price for."""


def rate_period(
    span: RatingPeriod, counters: Counters, *, include_idle: bool = False, is_final: bool = True
) -> Iterator[WindowCharge]:
    """
    Rate the usage of a period: each feature's rates in the order of the plan, window by window.

    include_idle: whether to rate unused features, at a quantity of zero. is_final: False while usage may follow.

    :raises UnpricedUsage: if a counter's feature has no price in the currency.
    :raises ValueError: if a quantity cannot be priced, with the reason in words.
    """
    templates = line_templates(span)
    for window in _windows(templates, span, counters, idle=include_idle):
        feature = templates.features.get(window.plan_feature_id)
        if feature is None or feature.price is None:
            raise UnpricedUsage(
                f"Usage of plan feature {window.plan_feature_id} has no price in {span.currency} in"
                f" {templates.terms.plan_code} v{templates.terms.version_number}."
            )
        counted = counters.get(window, {})
        # An unused feature is listed at its first rate.
        if include_idle and not counted:
            counted = {int(feature.price.rates[0].key): EMPTY_COUNTER}
        # Only a minimum or maximum depends on the share of a window, so it is calculated for those prices alone.
        part = (
            window_share(span, feature, window)
            if feature.price.is_bounded and not feature.spans_periods
            else FULL_PERIOD
        )
        for line, before in rate_window(span, feature, counted, part=part, is_final=is_final).lines():
            yield WindowCharge(feature, window, line, before, counted.get(int(line.rate_key), EMPTY_COUNTER))


def _windows(templates: LineTemplates, span: RatingPeriod, counters: Counters, *, idle: bool) -> list[CounterWindow]:
    """Return the windows to rate, in the plan's order of features, then by time."""
    windows = list(counters)
    used = {window.plan_feature_id for window in windows}
    unused = (
        templates.features.values()
        if idle
        else [*templates.due_without_usage, *_features_used_earlier(templates, span)]
    )
    windows += [
        CounterWindow(feature.plan_feature_id, start)
        for feature in dict.fromkeys(unused)
        for start in _window_starts(templates.terms, feature, span)
        if feature.resets is not None or feature.plan_feature_id not in used
        if CounterWindow(feature.plan_feature_id, start) not in counters
    ]
    # Counters come in no particular order. Most periods have one window, which needs no sorting.
    if len(windows) > 1:
        order = {id_: position for position, id_ in enumerate(templates.features)}
        windows.sort(key=lambda window: (order.get(window.plan_feature_id, 0), window.starts_at))
    return windows


def _features_used_earlier(templates: LineTemplates, span: RatingPeriod) -> Iterator[FeatureTerms]:
    """Yield features used earlier in a window that continues: their amount may change without usage."""
    return (templates.features[plan_feature_id] for plan_feature_id, run in span.runs.items() if run.earlier)


def _window_starts(terms: VersionTerms, feature: FeatureTerms, span: RatingPeriod) -> Iterator[datetime]:
    """Yield the starts of the windows in which a feature is due without usage."""
    if feature.resets is None:
        yield span.starts_at
        return
    at = span.starts_at
    while at < span.ends_at:
        start, at = usage_window(
            terms, feature.resets, anchor_at=span.anchor_at, zone=ZoneInfo(span.time_zone), at=at
        )
        yield start


def shares_of_windows(span: RatingPeriod, code: str) -> Iterator[tuple[datetime, Fraction]]:
    """Yield the start of each usage window of a feature in a period, with the share of it that lies in the period."""
    terms = load_terms(span.version_id, span.currency)
    (feature,) = (feature for feature in terms.features if feature.code == code)
    for start in _window_starts(terms, feature, span):
        yield start, window_share(span, feature, CounterWindow(feature.plan_feature_id, start))


def window_share(span: RatingPeriod, feature: FeatureTerms, window: CounterWindow) -> Fraction:
    """Return the share of a usage window that lies in a period, by the proration of its version."""
    if feature.resets is None:
        return period_share(span)
    terms, zone = load_terms(span.version_id, span.currency), ZoneInfo(span.time_zone)
    whole = usage_window(terms, feature.resets, anchor_at=span.anchor_at, zone=zone, at=window.starts_at)
    # A day can't be divided into days.
    proration: ProrationUnit = "second" if feature.resets.hours and terms.proration == "day" else terms.proration
    return _share_of_interval(span, whole, proration)


def period_share(span: RatingPeriod) -> Fraction:
    """Return the share of its whole interval that a period covers, by the proration of its version."""
    terms = load_terms(span.version_id, span.currency)
    anchor = period_anchor(terms, anchor_at=span.anchor_at, time_zone=span.time_zone)
    return _share_of_interval(span, whole_interval(anchor, span.starts_at), terms.proration)


def _share_of_interval(span: RatingPeriod, whole: tuple[datetime, datetime], proration: ProrationUnit) -> Fraction:
    start, end = whole
    return share_of_interval(
        max(start, span.starts_at),
        min(end, span.ends_at),
        full_start=start,
        full_end=end,
        by=proration,
        zone=ZoneInfo(span.time_zone),
    )


def usage_lines(
    closing: PeriodToClose, seller: SellerTerms, *, include_idle: bool = False
) -> Iterator[tuple[DraftLine, UsageSnapshot]]:
    """Yield a line with its snapshot for each rate that was used or is due without usage."""
    span = closing.span
    descriptions = line_templates(span).descriptions
    supplied_at = last_instant(span.ends_at)
    for due in rate_period(span, closing.counters, include_idle=include_idle, is_final=closing.is_final):
        feature, window, line, before, counted = due
        amount, quantity = due.amount(span.currency), due.quantity
        if not quantity and not amount and not include_idle:
            continue
        rate_id = int(line.rate_key)
        notes = special_case_notes(span, feature, line.rate_key) | (
            cumulative_workings(due, span.currency) if before else {}
        )
        draft_line = DraftLine(
            kind="usage",
            description=line_description(span, feature, line, descriptions),
            service_start=span.starts_at,
            service_end=span.ends_at,
            quantity=quantity,
            unit=feature.unit,
            amount=amount,
            taxes=seller.taxes_of(closing.buyer, at=supplied_at, code=feature.tax_code),
            explanation=usage_workings(
                line, feature.overridden, closing.level_workings(span, feature, rate_id), **notes
            ),
            plan_feature_id=feature.plan_feature_id,
            rate_id=priced_rate_id(rate_id),
            subject=f"feature:{feature.code}",
        )
        yield (
            draft_line,
            UsageSnapshot(draft_line, span.period_id, window, rate_id, counted, earlier_usage_json(span, feature)),
        )


def priced_rate_id(rate_id: int) -> int | None:
    """Return the listed rate that a line's key belongs to; None for a minimum, free usage, or beyond a wallet."""
    return listed_key(rate_id) if rate_id > FREE_RATE else None


def special_case_notes(span: RatingPeriod, feature: FeatureTerms, rate_key: int | str) -> dict[str, str]:
    """
    Return extra fields of a line's workings: whether trial usage was free or billed, and the unit in which a wallet
    paid it, `XCR` for credits.
    """
    notes = {"trial": load_terms(span.version_id, span.currency).trial_usage} if span.is_trial else {}
    return notes | {"wallet": feature.wallet} if feature.wallet and rate_key != UNCOVERED else notes


def cumulative_workings(
    due: WindowCharge, currency: str, *, claimed: Decimal = ZERO, quantity: Decimal = ZERO, given: Decimal = ZERO
) -> dict[str, str]:
    """
    Return extra fields of a line's workings where these explain more than the amount that the line bills.

    claimed, quantity: billed for the same period by earlier lines. given: the part that is not credited again.
    """
    cumulative = f"{round_money(due.line.amount, currency):f}"
    billed = f"{round_money(EXACT.add(due.billed_before(currency), claimed), currency):f}"
    earlier = ZERO if due.before is None else due.before.quantity
    return {
        "formula": f"{cumulative} − {billed}" + (f" + {round_money(given, currency):f}" if given else ""),
        "cumulative": cumulative,
        "billed_before": billed,
        "quantity_before": to_plain_string(EXACT.add(earlier, quantity)),
        **({"given_before": to_plain_string(given)} if given else {}),
    }


def earlier_usage_json(span: RatingPeriod, feature: FeatureTerms) -> bytes | None:
    """Return earlier periods' usage of a window that continues, as JSON for the snapshot; None for other windows."""
    run = span.runs.get(feature.plan_feature_id)
    if run is None or run.earlier is None:
        return None
    return msgspec.json.encode(
        {str(rate_id): to_plain_string(quantity) for rate_id, quantity in sorted(run.earlier.items())}
    )


def line_description(
    span: RatingPeriod, feature: FeatureTerms, line: RatedLine, descriptions: Mapping[int, str]
) -> str:
    """Return the description of the line of a rate or of a bound."""
    has_own = line.rate_key in (BOUND, UNCOVERED) and line.label
    fallback = f"{feature.name}: {line.label}" if has_own else feature.name
    text = descriptions.get(listed_key(int(line.rate_key))) or fallback
    text = f"{text}: {line.value}" if line.value else text
    text = f"{text} (as agreed)" if feature.overridden else text
    return f"{text} (trial)" if span.is_trial else text


def usage_workings(
    line: RatedLine, agreed: Sequence[TermDifference] = (), levels: Mapping[str, object] = NO_LEVELS, /, **more: str
) -> bytes:
    """
    Return the workings of a line as JSON: the fields of `RatedLine.as_json`, the formula of its amount, and more.

    levels: the levels that the quantity is made of, if it is one over time.
    agreed: differences from the published price. All other fields are plain numbers or text, so the JSON is
        concatenated, in a third of the time.
    """
    parts, terms = [], []
    for part in line.parts:
        units, unit_price, flat_fee = (
            to_plain_string(part.units),
            to_plain_string(part.unit_price),
            to_plain_string(part.flat_fee),
        )
        end = "null" if part.end is None else f'"{to_plain_string(part.end)}"'
        parts.append(
            f'{{"from":"{to_plain_string(part.start)}","to":{end},"units":"{units}","unit_price":"{unit_price}"'
            f',"flat_fee":"{flat_fee}","amount":"{to_plain_string(part.amount)}"}}'
        )
        if part.units and part.unit_price:
            terms.append(f"{units} × {unit_price}")
        if part.flat_fee:
            terms.append(flat_fee)
    # A negative fee is the part that a tier's maximum takes off.
    more = {"formula": " + ".join(terms).replace(" + -", " − ") or "0", **more}
    if line.prior_units:
        more["climbed"] = to_plain_string(line.prior_units)
    rest = "".join(f',"{name}":"{text}"' for name, text in more.items())
    if line.value:
        rest += f',"value":{msgspec.json.encode(line.value).decode()}'
    if agreed:
        rest += f',"agreed":{msgspec.json.encode([difference._asdict() for difference in agreed]).decode()}'
    if levels:
        rest += f",{msgspec.json.encode(levels).decode()[1:-1]}"
    return (
        f'{{"quantity":"{to_plain_string(line.quantity)}","included":"{to_plain_string(line.included)}"'
        f',"billable":"{to_plain_string(line.billable)}","refused":"{to_plain_string(line.refused)}","parts":[{",".join(parts)}]'
        f',"amount":"{to_plain_string(line.amount)}"{rest}}}'
    ).encode()
