"""Random prices and usage, for laws that apply to all of them."""

from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st

from plans.pricing.charge_models import (
    Dynamic,
    Flat,
    Graduated,
    Package,
    Percentage,
    PerUnit,
    PriceTier,
    QuantityCharge,
    Volume,
)
from plans.pricing.rating import PriceTerms, RateTerms, RateUsage, Rounding

LAW = settings(deadline=None, max_examples=150)

CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD"])


def decimals(least: int, most: int, places: int) -> st.SearchStrategy[Decimal]:
    """Return numbers in [least, most] with up to `places` decimal places."""
    scale = 10**places
    return st.integers(least * scale, most * scale).map(lambda n: Decimal(n).scaleb(-places))


quantities = st.one_of(decimals(0, 300, 0), decimals(0, 300, 3), decimals(0, 10**20, 18))
prices = st.one_of(decimals(0, 20, 2), decimals(0, 1, 12))
sizes = st.one_of(decimals(1, 50, 0), decimals(1, 5, 3))


bounds = st.one_of(decimals(1, 200, 0), decimals(1, 200, 2))


@st.composite
def tier_lists(
    draw: st.DrawFn,
    bounds: st.SearchStrategy[Decimal] = bounds,
    maximums: st.SearchStrategy[Decimal | None] = st.none(),  # noqa: B008, a strategy is a constant
) -> tuple[PriceTier, ...]:
    return tuple(
        PriceTier(bound, draw(prices), draw(prices), draw(maximums))
        for bound in [*sorted(draw(st.sets(bounds, max_size=4))), None]
    )


limited_tiers = tier_lists(maximums=st.one_of(st.none(), decimals(0, 500, 2)))


charges: st.SearchStrategy[QuantityCharge] = st.one_of(
    prices.map(Flat),
    prices.map(PerUnit),
    st.builds(Package, sizes, prices, st.sampled_from(["up", "down"])),
    limited_tiers.map(Graduated),
    limited_tiers.map(Volume),
)

percentages = st.builds(
    Percentage,
    decimals(0, 20, 2),
    fixed_fee=decimals(0, 3, 2),
    free_events=st.integers(0, 4),
    free_value=st.one_of(st.just(Decimal(0)), decimals(1, 600, 1)),
    minimum=st.one_of(st.none(), decimals(0, 5, 2)),
    maximum=st.one_of(st.none(), decimals(5, 40, 2)),
)

roundings = st.one_of(
    st.none(), st.builds(Rounding, st.sampled_from(["none", "up", "down", "half_up"]), st.integers(0, 3))
)


worth = st.lists(st.one_of(decimals(0, 500, 0), decimals(0, 500, 4)), max_size=8).map(tuple)


def detailed_usage(values: tuple[Decimal, ...], carried: Decimal = Decimal(0)) -> RateUsage:
    """Return usage with every detail: each event's value, and the sum of the events' own costs."""
    return RateUsage(sum(values, Decimal(0)), len(values), values, carried)


usages = st.one_of(
    quantities.map(lambda quantity: detailed_usage((quantity,))),
    st.builds(detailed_usage, worth, carried=decimals(-50, 500, 6)),
)


@st.composite
def catalogs(draw: st.DrawFn) -> tuple[PriceTerms, dict[int | str, RateUsage]]:
    """Return terms with up to four rates, and usage of some of them."""
    by_event = draw(st.booleans())
    models = st.one_of(charges, percentages, decimals(0, 3, 4).map(Dynamic)) if by_event else charges
    rates = tuple(
        RateTerms(key, (("model", str(key)),), charge, f"rate {key}")
        for key, charge in enumerate(draw(st.lists(models, min_size=1, max_size=4)))
    )
    minimum, maximum = sorted(draw(st.tuples(decimals(0, 300, 2), decimals(0, 300, 2))))
    terms = PriceTerms(
        currency=draw(CURRENCIES),
        rates=rates,
        included=Decimal(0) if by_event else draw(st.one_of(st.just(Decimal(0)), quantities)),
        model="overage" if by_event else draw(st.sampled_from(["overage", "overage", "hard_cap"])),
        rounding=draw(roundings),
        minimum=draw(st.sampled_from([None, minimum])),
        maximum=draw(st.sampled_from([None, maximum])),
    )
    return terms, draw(st.dictionaries(st.sampled_from([rate.key for rate in rates]), usages))
