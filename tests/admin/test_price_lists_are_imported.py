"""Finance downloads a price list, edits it in a spreadsheet, previews the changes and imports it into a draft."""

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


def test_changes_are_previewed_before_the_import(finance, draft):
    content = listed(finance, draft).replace(b"0.05", b"0.06")
    page_text = upload(finance, draft, content).content.decode()
    assert "$0.05" in page_text
    assert "$0.06" in page_text
    assert "+20" in page_text
    assert Rate.objects.get(label="Europe").unit_price * 100 == 5
    assert confirm(finance, draft, content).status_code == 302
    assert Rate.objects.get(label="Europe").unit_price * 100 == 6


@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
def test_a_downloaded_list_changes_nothing(finance, draft, kind):
    page_text = upload(finance, draft, listed(finance, draft, kind), f"prices.{kind}").content.decode()
    assert "No changes: " in page_text


WRONG = [
    # before  after                                           message
    (b"per_unit", b"per_until", "per_until"),
    (b"0.05", b"cheap", "“cheap” is not a number"),
    (b"rate,calls,USD,region: eu", b"rate,calls,EUR,region: eu", "No row above names the price"),
    (b"feature,calls", b"feature,phone", "No row above names the feature"),
    (b"rate,calls", b"ray,calls", "not “ray”"),
    (b"tier,calls,USD,,10", b"tier,calls,USD,,", "Row "),
]


@pytest.mark.parametrize(("before", "after", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_a_wrong_cell_is_named(finance, draft, before, after, message):
    content = listed(finance, draft)
    assert before in content
    page_text = upload(finance, draft, content.replace(before, after)).content.decode()
    assert "Nothing was imported" in page_text
    assert message in page_text


def test_a_ladder_that_leaves_a_gap_is_refused_in_words(finance, draft):
    rows = listed(finance, draft).splitlines(keepends=True)
    content = b"".join(row for row in rows if not row.startswith(b"tier,calls,USD,,,"))
    assert "last tier" in upload(finance, draft, content).content.decode().lower()


def test_a_published_version_is_exported_but_not_imported(finance, draft):
    publish(draft)
    assert listed(finance, draft).startswith(b"\xef\xbb\xbfrow,")
    assert upload(finance, draft, b"x").status_code == 403


def test_a_read_only_group_imports_nothing(member, draft):
    assert upload(member("support"), draft, b"x").status_code == 403


def test_the_command_exports_and_imports(draft, tmp_path):
    path, output = tmp_path / "pro.json", StringIO()
    call_command("price_list", "export", "pro", "1", "--out", path, stdout=output)
    empty = make_plan("pro")
    call_command("price_list", "import", "pro", "2", path, "--dry-run", stdout=output)
    assert not empty.fees.exists()
    call_command("price_list", "import", "pro", "2", path, stdout=output)
    assert PlanVersion.objects.get(number=2).fees.count() == 1
    path.write_text("{")
    with pytest.raises(CommandError, match="can't be read as JSON"):
        call_command("price_list", "import", "pro", "2", path)
