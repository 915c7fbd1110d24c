"""The price sheet shows a version as customers read it, and edits its figures as the forms of its pages do."""

from decimal import Decimal as D

import pytest

from lib.decimals import to_plain_string
from plans.catalog import price_sheet
from plans.catalog.comparison import compare
from plans.catalog.price_sheet import read_sheet
from plans.catalog.version_snapshot import read_contents
from plans.models import Feature, Fee, PlanFeature, Price, PriceEvent, Rate, RateEvent, Tier
from plans.price_lists.files import read, write
from plans.price_lists.list_import import import_price_list
from plans.publishing import publication
from plans.publishing.publication import new_draft
from tests.builders import FEB, JAN, fee, make_cost, make_plan, offer, publish, rate, tier


def lines_of(version, **how):
    """Return (label, note, texts by currency) of each line of the usage sections."""
    sheet = read_sheet(version, **how)
    return [
        (line.label, line.note, {currency: cell.text for currency, cell in line.cells.items()})
        for section in sheet.sections
        if section.plan_feature is not None
        for line in section.lines
        if line.shared is None
    ]


CASES = {
    "flat": ([rate("29", model="flat")], [("Price", "", {"USD": "$29.00"})]),
    "per_unit": ([rate("0.0000025")], [("Price", "per million calls", {"USD": "$2.50"})]),
    "package": (
        [rate("3", model="package", package_size="1000")],
        [("Price", "per package of 1,000 calls", {"USD": "$3.00"})],
    ),
    "graduated": (
        [rate(tiers=[tier("50000", "0.0005", 2), tier(None, "0.0004", maximum=90)])],
        [
            ("1 – 50,000", "per 1,000 calls", {"USD": "$0.50"}),
            ("", "tier fee", {"USD": "$2.00"}),
            ("from 50,001", "per 1,000 calls", {"USD": "$0.40"}),
            ("", "tier maximum", {"USD": "$90.00"}),
        ],
    ),
    "volume": (
        [rate(tiers=[tier("10", "2"), tier(None, "1")], model="volume")],
        [("1 – 10", "per call", {"USD": "$2.00"}), ("from 11", "per call", {"USD": "$1.00"})],
    ),
    "percentage": (
        [rate(model="percentage", percent="2.9", fixed_fee="0.3", free_events=5)],
        [
            ("Price", "percentage", {"USD": "2.9%"}),
            ("", "fixed fee", {"USD": "$0.30"}),
            ("", "free events", {"USD": "5"}),
        ],
    ),
    "graduated_percentage": (
        [
            rate(
                model="graduated_percentage",
                tiers=[tier("1000", 0, percent="3"), tier(None, 0, percent="2")],
            )
        ],
        [("1 – 1,000", "percentage", {"USD": "3%"}), ("from 1,001", "percentage", {"USD": "2%"})],
    ),
    "dynamic": ([rate(model="dynamic", markup="1.2")], [("Price", "markup", {"USD": "1.2"})]),
}


@pytest.mark.parametrize("model", CASES)
def test_shows_every_charge_model(db, model):
    rates, expected = CASES[model]
    assert lines_of(make_plan(offers=[offer("calls", rates=rates)])) == expected


# Several currencies -----------------------------------------------------------------------------------------------


def in_two_currencies():
    dollars = [
        rate("0.0000025", match={"model": "large"}, label="large"),
        rate("0.00000015", match={"model": "mini"}, label="mini"),
    ]
    euros = [rate("0.0000023", match={"model": "large"}, label="large")]
    fees = [fee("99"), fee("92", currency="EUR")]
    offers = [
        offer("calls", included=1000, prices={"USD": dollars, "EUR": euros}),
        offer("jobs", prices={"USD": [rate(tiers=[tier("10", "2"), tier(None, "1")])]}),
    ]
    return make_plan("pro", fees=fees, offers=offers)


def test_currencies_stand_side_by_side_with_their_gaps(member):
    version = in_two_currencies()
    assert lines_of(version) == [
        ("large", "per million calls", {"USD": "$2.50", "EUR": "€2.30"}),
        ("mini", "per million calls", {"USD": "$0.15"}),
        ("1 – 10", "per call", {"USD": "$2.00"}),
        ("from 11", "per call", {"USD": "$1.00"}),
    ]
    page = member("finance").get(f"/admin/plans/planversion/{version.pk}/change/").content.decode()
    euros = Price.objects.get(currency="EUR")
    jobs = PlanFeature.objects.get(feature__code="jobs")
    assert f'href="/admin/plans/price/{euros.pk}/change/">Add<' in page  # the rate that the price lacks
    assert f'href="/admin/plans/price/add/?plan_feature={jobs.pk}&amp;currency=EUR">Add<' in page  # the price


def test_the_currency_of_most_prices_comes_first(db):
    version = in_two_currencies()
    assert read_sheet(version).currencies == ("EUR", "USD")
    assert read_sheet(version, first_currency="USD").currencies == ("USD", "EUR")


def test_a_rate_is_printed_as_in_the_comparison(db):
    version = make_plan("a", offers=[offer("calls", rates=[rate("0.0000025")])])
    other = make_plan("b", offers=[offer(Feature.objects.get(), rates=[rate("0.000003")])])
    ((_, note, texts),) = lines_of(version)
    ((_, other_note, other_texts),) = lines_of(other)
    (difference,) = compare(*read_contents(version, other))
    assert (difference.before, difference.after) == (texts["USD"], f"{other_texts['USD']} {note}")
    assert note == other_note


def test_prices_in_credits_and_of_a_credit_have_lines_of_their_own(db):
    prices = {"XCR": [rate("0.001")], "USD": [rate("0.02")], "EUR": [rate("0.018")]}
    version = make_plan(offers=[offer("calls", consumption="credits", prices=prices)])
    assert lines_of(version) == [
        ("Price", "per 1,000 calls", {"XCR": "1 credit"}),
        ("Credit that the wallet lacks", "per credit", {"EUR": "€0.018", "USD": "$0.02"}),
    ]


# Editing ----------------------------------------------------------------------------------------------------------


def address(version):
    return f"/admin/plans/planversion/{version.pk}/price-sheet/"


def opened(client, version):
    """Return the fields of the sheet as a browser sends them: name → text."""
    page = client.get(address(version))
    assert page.status_code == 200
    form = page.context["form"]
    read = page.context["read"]
    return {**form.texts, "fingerprint": form.sheet.fingerprint, "read": read, "do": "save"}


def cell_of(version, label, currency="USD", field="unit_price"):
    """Return the name of the cell at a line."""
    return next(
        cell.name
        for section in read_sheet(version).sections
        for line in section.lines
        for cell in line.all_cells
        if (line.label, cell.currency, cell.field) == (label, currency, field)
    )


def test_saves_all_figures_at_once(member):
    version, client = in_two_currencies(), member("finance")
    fields = opened(client, version) | {
        cell_of(version, "large"): "3",
        cell_of(version, "large", "EUR"): "2,300.5",
        cell_of(version, "Base fee", "EUR", "amount"): "1,095.00",
        cell_of(version, "Included", "", "included"): "5,000",
        cell_of(version, "from 11"): "0.5",
    }
    answer = client.post(address(version), fields, follow=True)
    assert "5 figures are saved." in answer.content.decode()
    rates = {(rate.price.currency, rate.label): rate.unit_price for rate in Rate.objects.exclude(unit_price=None)}
    assert rates == {
        ("USD", "large"): D("0.000003"),
        ("USD", "mini"): D("0.00000015"),
        ("EUR", "large"): D("0.0023005"),
    }
    assert Fee.objects.get(currency="EUR").amount.amount == D(1095)
    assert PlanFeature.objects.get(feature__code="calls").included == 5000
    assert Tier.objects.get(up_to=None).unit_price == D("0.5")
    assert PriceEvent.objects.count() == 3  # no price changed, only rates and tiers
    latest = RateEvent.objects.filter(pgh_label="update").latest("pgh_id")
    assert latest.pgh_context.metadata["action"] == "edit price sheet"


@pytest.mark.parametrize("model", CASES)
def test_an_edit_gives_the_rows_that_the_page_of_the_price_gives(member, model):
    """Both ways, the first figure of each kind is raised; the sheet is given the figure of its line."""
    rates, _ = CASES[model]
    by_sheet, by_page = (make_plan(code, offers=[offer(f"calls-{code}", rates=rates)]) for code in ("sheet", "page"))
    client = member("finance")
    fields = opened(client, by_sheet)
    for name, cell in read_sheet(by_sheet).cells.items():
        if cell.field not in ("included", "up_to"):
            fields[name] = str(cell.figure * 2)
    assert client.post(address(by_sheet), fields).status_code == 302

    price = Price.objects.get(plan_feature__version=by_page)
    saved = client.post(f"/admin/plans/price/{price.pk}/change/", page_fields(client, price))
    assert saved.status_code == 302, saved.context["errors"]
    assert rows_of(by_sheet) == rows_of(by_page)
    assert rows_of(by_sheet) != rows_of(make_plan("old", offers=[offer("calls-old", rates=rates)]))


def page_fields(client, price):
    """Return the fields of the page of a price with its figures doubled."""
    page = client.get(f"/admin/plans/price/{price.pk}/change/")
    forms = [page.context["adminform"].form, *page.context["inline_admin_formsets"][0].formset.forms]
    forms += [tier for row in forms[1:] for tier in row.nested_formsets[0].formset.forms]
    fields = {}
    for form in forms:
        for name in form.fields:
            value = form[name].value()
            is_figure = name in FIGURES and isinstance(value, D | int) and form.instance.pk
            fields[form.add_prefix(name)] = (
                "" if value is None else to_plain_string(D(value * 2)) if is_figure else value
            )
        if form.instance.pk and "match" in form.fields:
            fields[form.add_prefix("match")] = ""
    formsets = [page.context["inline_admin_formsets"][0].formset]
    formsets += [row.nested_formsets[0].formset for row in formsets[0].forms]
    for formset in formsets:
        fields |= {f"{formset.prefix}-TOTAL_FORMS": len(formset.forms)}
        fields |= {f"{formset.prefix}-INITIAL_FORMS": formset.initial_form_count()}
    return fields | {"_save": "Save"}


FIGURES = {name for names in price_sheet.FIGURES.values() for name in names}


def rows_of(version):
    rates = Rate.objects.filter(price__plan_feature__version=version)
    tiers = Tier.objects.filter(rate__in=rates).order_by("up_to")
    return [
        *({name: value for name, value in row.items() if name not in ("id", "price_id")} for row in rates.values()),
        *({name: value for name, value in row.items() if name not in ("id", "rate_id")} for row in tiers.values()),
    ]


def test_errors_stand_at_their_cells_and_nothing_is_saved(member):
    version, client = in_two_currencies(), member("finance")
    wrong = {
        cell_of(version, "large"): "2,50",
        cell_of(version, "mini"): "0.0000001",
        cell_of(version, "Base fee", field="amount"): "99.005",
        cell_of(version, "1 – 10", field="up_to", currency=""): "-1",
        cell_of(version, "from 11"): "",
    }
    good = {cell_of(version, "large", "EUR"): "9"}
    before = rows_of(version)
    answer = client.post(address(version), opened(client, version) | wrong | good)
    errors = answer.context["form"].errors
    assert {name: texts[0] for name, texts in errors.items()} == {
        cell_of(version, "large"): "Enter a number.",
        cell_of(version, "mini"): (
            "This is 0.0000000000001 per unit. Enter a value with at most 12 decimal places per unit."
        ),
        cell_of(version, "Base fee", field="amount"): "USD has fewer decimal places. Enter 99.01 or another amount.",
        cell_of(version, "1 – 10", field="up_to", currency=""): errors[
            cell_of(version, "1 – 10", field="up_to", currency="")
        ][0],
        cell_of(version, "from 11"): "This field is required.",
    }
    page = answer.content.decode()
    for name, text in (wrong | good).items():
        assert f'name="{name}" value="{text}"' in page
    assert "Nothing is saved: 5 figures must be corrected." in page
    assert rows_of(version) == before


@pytest.mark.parametrize("text", ["9" * 40, "1e50", "1e-50", "1e999999999", "9" * 5000, "NaN", "-1"])
def test_an_absurd_figure_is_an_error_of_its_cell(member, text):
    version, client = in_two_currencies(), member("finance")
    for name in (
        cell_of(version, "large"),
        cell_of(version, "Base fee", field="amount"),
        cell_of(version, "from 11"),
    ):
        for action in ("save", "preview", "percent"):
            typed = {name: text, "do": action, "percent": "5", "selection": name}
            assert client.post(address(version), opened(client, version) | typed).status_code == 200
    assert Fee.objects.get(currency="USD").amount.amount == 99


def test_the_bounds_of_tiers_move_together(member):
    ladder = [tier("10", "3"), tier("20", "2"), tier(None, "1")]
    prices = {"USD": [rate(tiers=ladder)], "EUR": [rate(tiers=ladder)]}
    version, client = make_plan(offers=[offer("calls", prices=prices)]), member("finance")
    first, second = (cell_of(version, label, "", "up_to") for label in ("1 – 10", "11 – 20"))
    assert client.post(address(version), opened(client, version) | {first: "20", second: "30"}).status_code == 302
    assert sorted(Tier.objects.exclude(up_to=None).values_list("up_to", "unit_price")) == [
        (20, 3),
        (20, 3),
        (30, 2),
        (30, 2),
    ]
    first, second = (cell_of(version, label, "", "up_to") for label in ("1 – 20", "21 – 30"))
    answer = client.post(address(version), opened(client, version) | {first: "30", second: "20"})
    assert answer.context["form"].errors


def test_an_edited_version_survives_each_file_format(member):
    version, client = in_two_currencies(), member("finance")
    client.post(address(version), opened(client, version) | {cell_of(version, "large"): "3.75"})
    for kind in ("json", "csv", "xlsx"):
        draft = new_draft(plan=version.plan, by=None, at=JAN)
        import_price_list(read(write(version, kind), name=f"list.{kind}"), version=draft, by=None, at=JAN)
        draft.refresh_from_db()
        assert compare(*read_contents(version, draft)) == ()
        assert read_sheet(draft).fingerprint == read_sheet(version).fingerprint
        assert lines_of(draft) == lines_of(version)


# Changes of many cells --------------------------------------------------------------------------------------------


def change(client, version, fields):
    answer = client.post(address(version), opened(client, version) | fields)
    assert answer.status_code == 200
    return answer.context["form"].texts, answer.context["problem"]


def test_selected_prices_are_changed_by_a_percentage(member):
    version, client = in_two_currencies(), member("finance")
    large, mini = cell_of(version, "large"), cell_of(version, "mini")
    typed = {large: "4", "do": "percent", "percent": "-2.5", "pick": f"{large} {cell_of(version, 'large', 'EUR')}"}
    texts, _ = change(client, version, typed | {"selection": mini, "percent_currency": "USD"})
    assert (texts[large], texts[mini]) == ("3.90", "0.14625")
    assert texts[cell_of(version, "large", "EUR")] == "2.30"
    assert Rate.objects.get(label="mini").unit_price == D("0.00000015")  # not saved yet


def test_a_fee_is_rounded_to_its_currency(member):
    version, client = in_two_currencies(), member("finance")
    euros = cell_of(version, "Base fee", "EUR", "amount")
    texts, _ = change(client, version, {"do": "percent", "percent": "3.33", "selection": euros})
    assert texts[euros] == "95.06"  # 95.0636


def test_a_currency_is_copied_at_a_rate(member):
    version, client = in_two_currencies(), member("finance")
    texts, _ = change(client, version, {"do": "copy", "source": "USD", "target": "EUR", "exchange_rate": "0.9234"})
    assert texts[cell_of(version, "large", "EUR")] == "2.3085"
    assert texts[cell_of(version, "Base fee", "EUR", "amount")] == "91.42"  # 91.4166


PROBLEMS = [
    ({"do": "percent", "percent": "ten"}, "Enter a percentage from −100"),
    ({"do": "percent", "percent": "-101"}, "Enter a percentage from −100"),
    ({"do": "percent", "percent": "10"}, "Select the prices to change."),
    ({"do": "copy", "source": "USD", "target": "EUR", "exchange_rate": "0"}, "an exchange rate above zero"),
    ({"do": "copy", "source": "USD", "target": "USD", "exchange_rate": "1"}, "two different currencies"),
    ({"do": "copy", "source": "USD", "target": "JPY", "exchange_rate": "150"}, "no price in that currency"),
]


@pytest.mark.parametrize(("typed", "message"), PROBLEMS)
def test_an_impossible_change_is_explained(member, typed, message):
    version, client = in_two_currencies(), member("finance")
    texts, problem = change(client, version, typed | {cell_of(version, "large"): "7"})
    assert message in problem
    assert texts[cell_of(version, "large")] == "7"


# Two people -------------------------------------------------------------------------------------------------------


def test_a_stale_sheet_is_refused_and_its_figures_are_chosen_one_by_one(member):
    version, client, other = in_two_currencies(), member("finance"), member("root")
    large, mini, fee_name = (
        cell_of(version, "large"),
        cell_of(version, "mini"),
        cell_of(version, "Base fee", field="amount"),
    )
    mine = opened(client, version) | {large: "3", mini: "0.20"}
    theirs = opened(other, version) | {large: "2.75", fee_name: "105"}
    assert other.post(address(version), theirs).status_code == 302

    refused = client.post(address(version), mine)
    assert refused.status_code == 409
    shown = {line["name"]: (line["read"], line["stored"], line["entered"]) for line in refused.context["choices"]}
    assert shown == {large: ("2.50", "2.75", "3"), mini: ("0.15", "0.15", "0.20")}
    assert [line["name"] for line in refused.context["saved_by_others"]] == [fee_name]
    assert Rate.objects.get(price__currency="USD", label="large").unit_price == D("0.00000275")

    page = {name: refused.context[name] for name in ("fingerprint", "read")}
    assert client.post(address(version), page | {large: "2.75", mini: "0.20", "do": "save"}).status_code == 302
    sheet = read_sheet(version).cells
    assert (sheet[large].figure, sheet[mini].figure, sheet[fee_name].figure) == (D("2.75"), D("0.20"), D(105))


def test_a_figure_whose_rate_is_deleted_is_shown(member):
    version, client = in_two_currencies(), member("finance")
    mini = cell_of(version, "mini")
    mine = opened(client, version) | {mini: "0.20"}
    Rate.objects.get(label="mini").delete()
    refused = client.post(address(version), mine)
    assert refused.status_code == 409
    assert [(line["label"], line["entered"]) for line in refused.context["gone"]] == [("calls, mini, USD", "0.20")]


def test_a_stale_sheet_is_also_refused_before_a_change_of_many_cells(member):
    version, client = in_two_currencies(), member("finance")
    fields = opened(client, version)
    Fee.objects.update(amount=1)
    typed = {"do": "percent", "percent": "5", "selection": cell_of(version, "large")}
    assert client.post(address(version), fields | typed).status_code == 409


# Effects of the sheet ----------------------------------------------------------------------------------------------


def test_the_example_has_the_figures_as_typed_and_saves_nothing(member):
    client = member("finance")
    version = publish(make_plan(fees=[fee("99"), fee("92", currency="EUR")]))
    draft = publication.new_version(source=version, by=None, at=FEB)
    typed = opened(client, draft) | {cell_of(draft, "Base fee", field="amount"): "120", "do": "preview"}
    before = rows_of(draft)
    answer = client.post(address(draft), typed)
    rows = {row.label: (row.before, row.after) for row in answer.context["example"]["rows"]}
    assert rows["Base fee"] == ("$99.00", "$120.00")  # in dollars, which changed
    assert "Base fee: EUR did not change, other currencies did." in " ".join(answer.content.decode().split())
    assert Fee.objects.get(version=draft, currency="USD").amount.amount == 99
    assert rows_of(draft) == before


def test_the_example_names_a_wrong_figure(member):
    version, client = in_two_currencies(), member("finance")
    typed = opened(client, version) | {cell_of(version, "large"): "x", "do": "preview"}
    assert "Enter a number." in client.post(address(version), typed).content.decode()


def test_the_margin_is_that_of_the_figures_as_typed(member):
    version, client = in_two_currencies(), member("finance")
    make_cost(Feature.objects.get(code="calls").meter, "0.000001")
    typed = opened(client, version) | {cell_of(version, "large"): "4", cell_of(version, "mini"): "2", "do": "preview"}
    margins = client.post(address(version), typed).context["margins"]
    assert [(row["margin"].rate, row["margin"].percent) for row in margins] == [("mini", 50), ("large", 75)]


# Permissions ------------------------------------------------------------------------------------------------------


def test_who_may_not_edit_reads_the_prices_on_the_page_of_the_version(member):
    version, client = in_two_currencies(), member("support")
    page = client.get(f"/admin/plans/planversion/{version.pk}/change/").content.decode()
    assert "$2.50" in page
    assert "Edit price sheet" not in page
    assert "Add<" not in page
    assert client.get(address(version)).status_code == 403
    assert client.post(address(version), {"do": "save"}).status_code == 403


def test_a_published_version_is_not_edited(member):
    version, client = publish(make_plan(fees=[fee("9")])), member("finance")
    assert client.get(address(version)).url == f"/admin/plans/planversion/{version.pk}/change/"
    assert client.post(address(version), {"do": "save"}).status_code == 403
    assert "Edit price sheet" not in client.get(f"/admin/plans/planversion/{version.pk}/change/").content.decode()


def test_settings_are_folded_once_nothing_is_missing(member):
    client = member("finance")
    ready = make_plan("ready", fees=[fee("9")])
    missing = make_plan("missing", fees=[fee("9")], offers=[offer("calls", included=5)])
    pages = [
        client.get(f"/admin/plans/planversion/{version.pk}/change/").content.decode() for version in (ready, missing)
    ]
    assert ['<details class="behavior" open>' in page for page in pages] == [False, True]
