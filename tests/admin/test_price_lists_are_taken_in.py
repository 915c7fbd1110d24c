"""Finance downloads a price list, edits it in a spreadsheet, sees what that changes, and takes it into a draft."""

import base64
from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from plans.models import PlanVersion, Rate
from tests.builders import fee, make_plan, offer, publish, rate, tier

CALLS = [rate("0.05", match={"region": "eu"}, label="Europe"), rate(tiers=[tier(10, "1"), tier(None, "0.5")])]


@pytest.fixture
def finance(member):
    return member("finance")


@pytest.fixture
def draft(db):
    return make_plan("pro", fees=[fee("19.99")], offers=[offer("calls", rates=CALLS)])


def page(version):
    return reverse("admin:plans_planversion_price_list", args=[version.pk])


def listed(client, version, kind="csv"):
    return client.get(page(version), {"as": kind}).content


def upload(client, version, content, name="prices.csv"):
    return client.post(page(version), {"file": SimpleUploadedFile(name, content)})


def confirm(client, version, content, name="prices.csv"):
    return client.post(page(version), {"kept_name": name, "kept": base64.b64encode(content).decode()})


def test_what_changes_is_shown_before_it_is_done(finance, draft):
    content = listed(finance, draft).replace(b"0.05", b"0.06")
    told = upload(finance, draft, content).content.decode()
    assert "$0.05" in told
    assert "$0.06" in told
    assert "+20" in told
    assert Rate.objects.get(label="Europe").unit_price * 100 == 5
    assert confirm(finance, draft, content).status_code == 302
    assert Rate.objects.get(label="Europe").unit_price * 100 == 6


@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
def test_what_was_downloaded_changes_nothing(finance, draft, kind):
    told = upload(finance, draft, listed(finance, draft, kind), f"prices.{kind}").content.decode()
    assert "changes nothing" in told


WRONG = [
    # changed                                                 said of it
    (b"per_unit", b"per_until", "per_until"),
    (b"0.05", b"cheap", "“cheap” is no number"),
    (b"rate,calls,USD,region: eu", b"rate,calls,EUR,region: eu", "No row above says which price"),
    (b"feature,calls", b"feature,phone", "No row above says which feature"),
    (b"rate,calls", b"ray,calls", "not a “ray”"),
    (b"tier,calls,USD,,10", b"tier,calls,USD,,", "Row "),
]


@pytest.mark.parametrize(("before", "after", "said"), WRONG, ids=[said for *_, said in WRONG])
def test_a_wrong_cell_is_named(finance, draft, before, after, said):
    content = listed(finance, draft)
    assert before in content
    told = upload(finance, draft, content.replace(before, after)).content.decode()
    assert "Nothing was taken in" in told
    assert said in told


def test_a_ladder_that_leaves_a_gap_is_refused_in_words(finance, draft):
    rows = listed(finance, draft).splitlines(keepends=True)
    content = b"".join(row for row in rows if not row.startswith(b"tier,calls,USD,,,"))
    assert "last tier" in upload(finance, draft, content).content.decode().lower()


def test_a_published_version_gives_and_takes_not(finance, draft):
    publish(draft)
    assert listed(finance, draft).startswith(b"\xef\xbb\xbfrow,")
    assert upload(finance, draft, b"x").status_code == 403


def test_who_may_only_look_takes_nothing_in(member, draft):
    assert upload(member("support"), draft, b"x").status_code == 403


def test_the_command_gives_out_and_takes_in(draft, tmp_path):
    path, told = tmp_path / "pro.json", StringIO()
    call_command("price_list", "export", "pro", "1", "--out", path, stdout=told)
    empty = make_plan("pro")
    call_command("price_list", "import", "pro", "2", path, "--dry-run", stdout=told)
    assert not empty.fees.exists()
    call_command("price_list", "import", "pro", "2", path, stdout=told)
    assert PlanVersion.objects.get(number=2).fees.count() == 1
    path.write_text("{")
    with pytest.raises(CommandError, match="cannot be read as JSON"):
        call_command("price_list", "import", "pro", "2", path)
