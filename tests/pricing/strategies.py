"""Random prices and usage, for laws that hold for all of them."""

from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st

from plans.pricing.charges import Flat, Graduated, Package, Percentage, PerUnit, QuantityCharge, Tier, Volume
from plans.pricing.rating import PriceTerms, Rate, Rounding

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
def ladders(draw: st.DrawFn, bounds: st.SearchStrategy[Decimal] = bounds) -> tuple[Tier, ...]:
    return tuple(
        Tier(bound, draw(prices), draw(prices)) for bound in [*sorted(draw(st.sets(bounds, max_size=4))), None]
    )


charges: st.SearchStrategy[QuantityCharge] = st.one_of(
    prices.map(Flat),
    prices.map(PerUnit),
    st.builds(Package, sizes, prices, st.sampled_from(["up", "down"])),
    ladders().map(Graduated),
    ladders().map(Volume),
)

percentages = st.builds(
    Percentage,
    decimals(0, 20, 2),
    fixed_fee=decimals(0, 3, 2),
    free_events=st.integers(0, 4),
    free_value=st.one_of(st.just(Decimal(0)), decimals(1, 600, 1)),
    least=st.one_of(st.none(), decimals(0, 5, 2)),
    most=st.one_of(st.none(), decimals(5, 40, 2)),
)

roundings = st.one_of(
    st.none(), st.builds(Rounding, st.sampled_from(["none", "up", "down", "half_up"]), st.integers(0, 3))
)


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[PriceTerms, dict[int | str, Decimal]]:
    """Return terms with up to four rates, and quantities for some of them."""
    rates = tuple(
        Rate(key, (("model", str(key)),), charge, f"rate {key}")
        for key, charge in enumerate(draw(st.lists(charges, min_size=1, max_size=4)))
    )
    terms = PriceTerms(
        currency=draw(CURRENCIES),
        rates=rates,
        included=draw(st.one_of(st.just(Decimal(0)), quantities)),
        model=draw(st.sampled_from(["overage", "overage", "hard_cap"])),
        rounding=draw(roundings),
    )
    used = draw(st.dictionaries(st.sampled_from([rate.key for rate in rates]), quantities))
    return terms, used
