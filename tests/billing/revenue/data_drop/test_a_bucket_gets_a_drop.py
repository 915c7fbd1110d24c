"""A drop into a bucket over HTTP: signed, complete, and clear about every failure."""

import re

import pytest

from billing.revenue.data_drop import bucket as bucket_module
from customers.models import Customer
from lib.encryption import encrypt
from tests.billing.revenue.data_drop.buckets import Trouble, bucket_target, fake_bucket, moto_server
from tests.billing.revenue.data_drop.drop_setup import DAY, NIGHT, Reader, drop, finish, folder_target, start
from tests.builders import make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def moto():
    with moto_server() as server:
        yield server


@pytest.fixture
def fake():
    with fake_bucket() as bucket:
        yield bucket


def errors(job) -> set[str]:
    return set(job.items.exclude(error="").exclude(parameters__step="publish").values_list("error", flat=True))


def test_a_server_that_checks_signatures_accepts_the_files(moto, drop_directory):
    """The same drop to a folder has the same files."""
    make_customer("acme")
    make_customer("globex", legal_name="Überbau “Söhne”, Zürich")
    target = bucket_target(moto)
    job = drop(target)
    reader = Reader(moto.get)
    assert [row["external_id"] for row in reader.rows("customers")] == ["acme", "globex"]
    assert moto.keys() == {*reader.paths(), "manifest.json"}
    assert job.figures["files written"] == len(reader.paths())
    drop(folder_target())
    folder = Reader.of_folder(drop_directory / "warehouse")
    for table in reader.manifest["tables"]:
        assert reader.rows(table) == folder.rows(table)
    Customer.objects.filter(external_id="acme").update(legal_name="Renamed")
    drop(target, at=NIGHT + DAY)
    drop(target, at=NIGHT + 2 * DAY)
    assert moto.keys() == {*reader.paths(), "manifest.json"}, "the replaced file was deleted"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"access_key": "unknown"}, "InvalidAccessKeyId: .* Enter an access key of the server in the target"),
        ({"secret": "wrong"}, "SignatureDoesNotMatch: .* Enter the secret key again in the target"),
        ({"bucket": "missing"}, "NoSuchBucket: .* Create the bucket"),
    ],
)
def test_a_refusal_names_its_cause_and_the_way_out(moto, fields, reason):
    make_customer("acme")
    if "secret" in fields:
        fields = {"secret": encrypt(fields["secret"])}
    job = finish(start(bucket_target(moto, **fields)))
    assert job.state == "failed"
    assert set(job.items.filter(state="failed").values_list("tries", flat=True)) == {1}, "no use in trying again"
    assert all(re.search(reason, error) for error in errors(job)), errors(job)


def test_failures_that_may_pass_are_tried_again(fake):
    make_customer("acme")
    fake.troubles = [Trouble(503, "<Error><Code>SlowDown</Code></Error>"), Trouble(500), Trouble(500, is_done=True)]
    drop(bucket_target(fake))
    assert [row["external_id"] for row in Reader(fake.get).rows("customers")] == ["acme"]


def test_a_server_that_answers_too_late_is_tried_again(fake, monkeypatch):
    monkeypatch.setattr(bucket_module, "UPLOAD_SECONDS", 0.2)
    make_customer("acme")
    fake.troubles = [Trouble(delay=0.6)]
    drop(bucket_target(fake))
    assert len(Reader(fake.get).rows("customers")) == 1


def test_a_server_that_is_down_leaves_the_earlier_manifest(fake):
    customer = make_customer("acme")
    target = bucket_target(fake)
    drop(target)
    manifest = fake.get("manifest.json")
    Customer.objects.filter(pk=customer.pk).update(legal_name="Renamed")
    fake.rule = (
        "/customers/",
        Trouble(503, "<Error><Code>ServiceUnavailable</Code><Message>Later.</Message></Error>"),
    )
    job = finish(start(target, at=NIGHT + DAY), at=NIGHT + DAY)
    assert job.state == "failed"
    assert errors(job) == {"Bucket books answers 503, ServiceUnavailable: Later."}
    assert job.items.get(parameters__step="publish").error == "1 parts are missing, so the manifest stays as it is."
    assert fake.get("manifest.json") == manifest
    fake.rule = None
    drop(target, at=NIGHT + DAY)
    assert [row["legal_name"] for row in Reader(fake.get).rows("customers")] == ["Renamed"]


def test_files_of_lost_tries_are_deleted(fake):
    make_customer("acme")
    target = bucket_target(fake)
    fake.rule = ("/customers/", Trouble(500, is_done=True))
    assert finish(start(target)).state == "failed"
    assert len([path for path in fake.files if "/customers/" in path]) == 5
    fake.rule = None
    drop(target, at=NIGHT + DAY)
    named = {f"/books/tollbook/nightly/{path}" for path in Reader(fake.get).paths()}
    assert {path for path in fake.files if "manifest" not in path} == named


def test_addresses_of_other_networks_are_refused(fake, settings):
    settings.OUTBOUND_PRIVATE_HOSTS = []
    make_customer("acme")
    job = finish(start(bucket_target(fake)))
    assert job.state == "failed"
    assert errors(job) == {"Use https, so that messages about your customers are encrypted in transit."}
    assert fake.requests == []


def test_a_secret_that_nobody_can_read_is_named(fake, settings):
    make_customer("acme")
    target = bucket_target(fake)
    settings.ENCRYPTION_KEYS = ["x" * 43 + "="]
    job = finish(start(target))
    assert job.state == "failed"
    assert errors(job) == {"No key in TOLLBOOK_ENCRYPTION_KEYS decrypts this secret; add the previous key again."}
