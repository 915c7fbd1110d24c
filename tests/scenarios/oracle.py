"""
Expected invoices of the demo, computed independently: from the data files, with fractions and loops.

This module imports nothing of the product and nothing of the demo's code. The rules for the time of a request are
those of demo/data/README.md; the prices are written here in plain words.
"""

import csv
from calendar import monthrange
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

DATA = Path(__file__).parents[2] / "demo" / "data"
MILLION = 1_000_000

# Taxes in percent by seller and customer's country; a customer with an exemption pays none.
TAXES = {
    "lumenfold-us": {"CA": 5, "SG": 9, "AU": 10, "JP": 10, "NZ": 15},
    "lumenfold-eu": {"DE": 19, "FR": 20, "ES": 21, "NL": 21, "PL": 23, "PT": 23},
}


@dataclass(frozen=True)
class Request:
    """A request: `prompt` and `completion` are its tokens, None where the sender omitted one."""

    at: datetime
    model: str
    prompt: int | None
    completion: int | None


@dataclass(frozen=True)
class Line:
    name: str
    quantity: Fraction
    amount: Fraction


@dataclass(frozen=True)
class Invoice:
    """An expected invoice. `tax_percent` is 0 where no tax is charged."""

    customer: str
    period: tuple[datetime, datetime]
    currency: str
    lines: tuple[Line, ...]
    tax_percent: Fraction
    net: Fraction
    tax: Fraction
    total: Fraction


# The prices ---------------------------------------------------------------------------------------------------------

Priced = Iterator[tuple[str, int, Fraction]]
"""Name, quantity, and amount before rounding."""


class Currency:
    def __init__(self, code: str) -> None:
        self.code = code
        self.smallest = Fraction(1) if code == "JPY" else Fraction(1, 100)

    def __call__(self, usd: str, eur: str = "", jpy: str = "") -> Fraction:
        return Fraction({"USD": usd, "EUR": eur, "JPY": jpy}[self.code])

    def rounded(self, amount: Fraction) -> Fraction:
        """Round half up; no amount in the demo is negative."""
        return (amount / self.smallest + Fraction(1, 2)).__floor__() * self.smallest


def tokens_of(requests: list[Request], which: str = "both") -> int:
    """Count tokens. A request that lacks one of its two numbers is unmatched and does not count."""
    total = 0
    for request in requests:
        if request.prompt is not None and request.completion is not None:
            total += request.prompt * (which != "output") + request.completion * (which != "input")
    return total


def token_api(requests: list[Request], price: Currency) -> Priced:
    """$2.50 per million input tokens, $10 per million output tokens. Up to a million requests, which are free."""
    input_tokens, output_tokens = tokens_of(requests, "input"), tokens_of(requests, "output")
    yield "Input tokens", input_tokens, input_tokens * price("2.50", "2.30", "375") / MILLION
    yield "Output tokens", output_tokens, output_tokens * price("10", "9.20", "1500") / MILLION
    yield "Requests", len(requests), Fraction(0)


def starter(requests: list[Request], price: Currency) -> Priced:
    """The $29 include 50,000 tokens; then $0.03 per 1,000, by the token. Up to 100,000 requests."""
    tokens = tokens_of(requests)
    yield "Tokens", tokens, max(tokens - 50_000, 0) * price("0.03", "0.028", "4.5") / 1000
    yield "Requests", len(requests), Fraction(0)


def free(requests: list[Request], price: Currency) -> Priced:
    """Everything is free; above 100,000 tokens or 200 requests the customer is refused."""
    yield "Tokens", tokens_of(requests), Fraction(0)
    yield "Requests", len(requests), Fraction(0)


def scale(requests: list[Request], price: Currency) -> Priced:
    """
    $4 per million for the first 250,000; $3 for those up to a million, and $1.50 once; $1.80 for the rest.

    300 requests are free, then 50 cents per thousand.
    """
    tokens = tokens_of(requests)
    cost = min(tokens, 250_000) * price("4", "3.70") / MILLION
    if tokens > 250_000:
        cost += (min(tokens, MILLION) - 250_000) * price("3", "2.80") / MILLION + price("1.50", "1.40")
    if tokens > MILLION:
        cost += (tokens - MILLION) * price("1.80", "1.70") / MILLION
    yield "Tokens", tokens, cost
    yield "Requests", len(requests), max(len(requests) - 300, 0) * price("0.50", "0.46") / 1000


def per_request(requests: list[Request], price: Currency) -> Priced:
    """All requests at 5 cents if there are at most 250, at 4.2 up to 500, else at 3.5 plus $2. Tokens are free."""
    count = len(requests)
    if count <= 250:
        cost = count * price("0.05", "0.046")
    elif count <= 500:
        cost = count * price("0.042", "0.039")
    else:
        cost = count * price("0.035", "0.033") + price("2", "1.90")
    yield "Requests", count, cost
    yield "Tokens", tokens_of(requests), Fraction(0)


def bundle(requests: list[Request], price: Currency) -> Priced:
    """50 free requests, then $4.50 for each started hundred; $0.25 for each started 10,000 tokens."""
    packages, remaining = 0, len(requests) - 50
    while remaining > 0:
        packages, remaining = packages + 1, remaining - 100
    yield "Packages of 100 requests", len(requests), packages * price("4.50", "4.20")
    packages, remaining = 0, tokens_of(requests)
    while remaining > 0:
        packages, remaining = packages + 1, remaining - 10_000
    yield "Packages of 10,000 tokens", tokens_of(requests), packages * price("0.25", "0.23")


def by_model(requests: list[Request], price: Currency) -> Priced:
    """Each model and direction has its own price per million; 100,000 tokens are free, from the top of the list."""
    free_tokens = 100_000
    large = ("forge-large", "chat-large")
    for models, which in [
        (("forge-large",), "input"),
        (("forge-large",), "output"),
        (("chat-large",), "input"),
        (("chat-large",), "output"),
        (("forge-mini", "chat-mini"), "output"),
        (("forge-mini", "chat-mini"), "input"),
    ]:
        model_requests = [request for request in requests if request.model in models]
        tokens = tokens_of(model_requests, which)
        paid = max(tokens - free_tokens, 0)
        free_tokens -= tokens - paid
        if models == ("forge-large",) and which == "input":
            cost = min(paid, 500_000) * price("3", "2.80") + max(paid - 500_000, 0) * price("2.40", "2.20")
        elif models == ("forge-large",):
            cost = paid * price("15", "14")
        elif models == ("chat-large",):
            cost = paid * (price("2.50", "2.30") if which == "input" else price("10", "9.20"))
        else:
            cost = paid * (price("0.60", "0.55") if which == "input" else price("2.40", "2.20"))
        if model_requests:
            name = models[0] if models[0] in large else "Other models"
            yield f"{name}, {which}", tokens, cost / MILLION
    yield "Requests", len(requests), Fraction(0)


def annual(requests: list[Request], price: Currency) -> Priced:
    """500,000 tokens a year are free, input first; then $2 and $8 per million."""
    input_tokens, output_tokens = tokens_of(requests, "input"), tokens_of(requests, "output")
    paid_in = max(input_tokens - 500_000, 0)
    paid_out = max(output_tokens - (500_000 - (input_tokens - paid_in)), 0)
    yield "Input tokens", input_tokens, paid_in * price("2", "1.80") / MILLION
    yield "Output tokens", output_tokens, paid_out * price("8", "7.40") / MILLION
    yield "Requests", len(requests), Fraction(0)


@dataclass(frozen=True)
class Plan:
    """
    A plan in plain terms.

    advance: fee for each period, billed before it: (name, USD, EUR, JPY).
    arrears: the same, billed after it.
    setup: billed once, at the start.
    by_day: a part of a month is counted in days, otherwise in seconds.
    anniversary: months are counted from the start day, otherwise from the 1st.
    """

    usage: Callable[[list[Request], Currency], Priced]
    advance: tuple[str, ...] = ()
    arrears: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    months: int = 1
    by_day: bool = False
    anniversary: bool = False


PLANS = {
    "token-api": Plan(token_api),
    "starter": Plan(starter, advance=("Base fee", "29", "27", "4400")),
    "free": Plan(free),
    "scale": Plan(scale, advance=("Platform fee", "99", "92"), by_day=True),
    "requests": Plan(per_request),
    "bundle": Plan(bundle, arrears=("Service fee", "12.50", "11.50"), anniversary=True),
    "models": Plan(by_model, setup=("Setup", "100", "95"), arrears=("Workspace", "49", "45"), anniversary=True),
    "annual": Plan(annual, advance=("Annual fee", "290", "270"), months=12, anniversary=True),
}

# The calendar -------------------------------------------------------------------------------------------------------


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def month(at: datetime, zone: ZoneInfo, back: int) -> date:
    """Return the first day of the month `back` months before the current one, in the time zone."""
    day = (at - timedelta(hours=1)).astimezone(zone).date().replace(day=1)
    for _ in range(back):
        day = (day - timedelta(days=1)).replace(day=1)
    return day


def start_of(customer: dict[str, str], at: datetime) -> datetime:
    zone = ZoneInfo(customer["time_zone"])
    first = month(at, zone, int(customer["months_back"]))
    day = min(int(customer["day"]), monthrange(first.year, first.month)[1])
    hour, minute = customer["time"].split(":")
    return datetime(first.year, first.month, day, int(hour), int(minute), tzinfo=zone).astimezone(UTC)


def periods(start: datetime, plan: Plan, zone: ZoneInfo, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the periods of a subscription that start before `until`; the first may be a part of a month."""
    local = start.astimezone(zone).replace(tzinfo=None)
    origin = local if plan.anniversary else local.replace(day=1, hour=0, minute=0)
    begin, count = start, 0
    while begin < until:
        count += plan.months
        year, index = origin.year + (origin.month - 1 + count) // 12, (origin.month - 1 + count) % 12 + 1
        day = min(origin.day, monthrange(year, index)[1])
        end = origin.replace(year=year, month=index, day=day, tzinfo=zone).astimezone(UTC)
        yield begin, end
        begin = end


def share(period: tuple[datetime, datetime], plan: Plan, zone: ZoneInfo) -> Fraction:
    """
    Return the part of a whole month that a period covers. Only the first one of a calendar plan can be less than 1.
    """
    if plan.anniversary:
        return Fraction(1)
    first, end = (edge.astimezone(zone) for edge in period)
    if plan.by_day:
        days_left = (end.date() - first.date()).days
        return Fraction(days_left, monthrange(first.year, first.month)[1])
    month_begins = datetime(first.year, first.month, 1, tzinfo=zone).astimezone(UTC)
    microsecond = timedelta(microseconds=1)
    return Fraction((period[1] - period[0]) // microsecond, (period[1] - month_begins) // microsecond)


# The requests -------------------------------------------------------------------------------------------------------


def requests_by_customer(at: datetime) -> dict[str, list[Request]]:
    """Return every request of the trace, and every stray one that can count, with its time."""
    trace = {}
    for name in ("code", "conv"):
        for number, row in enumerate(rows(f"AzureLLMInferenceTrace_{name}.csv"), start=1):
            trace[f"{name}-{number}"] = (int(row["ContextTokens"]), int(row["GeneratedTokens"]))
    customers = {customer["external_id"]: customer for customer in rows("customers.csv")}
    first_days = {name: first_day(customer, at) for name, customer in customers.items()}
    by_customer = defaultdict(list)
    for row in rows("mapping.csv"):
        happened = moment(row, customers[row["customer"]], first_days[row["customer"]], at)
        by_customer[row["customer"]].append(Request(happened, row["model"], *trace[row["request"]]))
    for row in rows("strays.csv"):
        if row["event"] == "llm.request" and row["customer"] in customers:
            happened = moment(row, customers[row["customer"]], first_days[row["customer"]], at)
            numbers = [int(row[name]) if row[name] else None for name in ("prompt_tokens", "completion_tokens")]
            by_customer[row["customer"]].append(Request(happened, row["model"], *numbers))
    return by_customer


def first_day(customer: dict[str, str], at: datetime) -> date:
    """Return the first whole day of last month on which the customer has its plan, if any."""
    zone = ZoneInfo(customer["time_zone"])
    day = month(at, zone, 1)
    if customer["plan"]:
        start = start_of(customer, at)
        while datetime.combine(day, time(), tzinfo=zone) < start:
            day += timedelta(days=1)
    return day


def moment(row: dict[str, str], customer: dict[str, str], first: date, at: datetime) -> datetime:
    zone = ZoneInfo(customer["time_zone"])
    today = at.astimezone(zone).date()
    days = len(range(first.toordinal(), today.toordinal() + 1))
    day = date.fromordinal(first.toordinal() + int(row["place"]) * days // 100_000)
    midnight = datetime.combine(day, time(), tzinfo=zone)
    second = int(row["second"])
    if day == today:
        passed = at - midnight.astimezone(UTC)
        return midnight.astimezone(UTC) + timedelta(seconds=passed // timedelta(seconds=1) * second // 86_400)
    clock = time(second // 3600, second // 60 % 60, second % 60)
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)


# The invoices -------------------------------------------------------------------------------------------------------


def invoices(at: datetime) -> list[Invoice]:
    """Return every invoice that must exist once all periods due at `at` are billed; zero invoices are not issued."""
    requests = requests_by_customer(at)
    expected = []
    for customer in rows("customers.csv"):
        if customer["plan"]:
            for period, lines in expected_lines(customer, requests[customer["external_id"]], at):
                invoice = build_invoice(customer, period, lines)
                if invoice.total:
                    expected.append(invoice)
    return expected


def expected_lines(
    customer: dict[str, str], requests: list[Request], at: datetime
) -> Iterator[tuple[tuple[datetime, datetime], list[tuple[str, int, Fraction]]]]:
    """
    Yield the unrounded lines of each invoice: at the start the fees in advance, after each period its fees and usage.
    """
    plan, zone = PLANS[customer["plan"]], ZoneInfo(customer["time_zone"])
    price, start = Currency(customer["currency"]), start_of(customer, at)
    all_periods = list(periods(start, plan, zone, at))
    opening = [(plan.setup[0], 1, price(*plan.setup[1:]))] if plan.setup else []
    if plan.advance:
        opening.append((plan.advance[0], 1, price(*plan.advance[1:]) * share(all_periods[0], plan, zone)))
    if opening:
        yield all_periods[0], opening
    for begin, end in all_periods:
        if end + timedelta(hours=1) > at:
            break
        period_requests = [request for request in requests if begin <= request.at < end]
        lines = []
        if plan.arrears:
            lines.append((plan.arrears[0], 1, price(*plan.arrears[1:]) * share((begin, end), plan, zone)))
        if plan.advance:
            lines.append((plan.advance[0], 1, price(*plan.advance[1:])))
        yield (begin, end), lines + list(plan.usage(period_requests, price))


def build_invoice(
    customer: dict[str, str], period: tuple[datetime, datetime], lines: list[tuple[str, int, Fraction]]
) -> Invoice:
    currency = Currency(customer["currency"])
    rounded = tuple(
        Line(name, Fraction(quantity), currency.rounded(amount)) for name, quantity, amount in lines if quantity
    )
    percent = Fraction(TAXES[customer["seller"]].get(customer["country"], 0))
    if customer["tax_exemption"]:
        percent = Fraction(0)
    net = sum((line.amount for line in rounded), Fraction(0))
    tax = currency.rounded(net * percent / 100)
    return Invoice(customer["external_id"], period, customer["currency"], rounded, percent, net, tax, net + tax)
