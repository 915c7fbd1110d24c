"""Staff pages of drop targets."""

import pytest

from billing.models import DropTarget, Job
from lib.encryption import decrypt
from tests.builders import make_seller

pytestmark = pytest.mark.django_db
BUCKET = {
    "endpoint": "https://s3.eu-central-1.amazonaws.com",
    "region": "eu-central-1",
    "bucket": "books",
    "access_key": "AKIA",
    "secret_key": "s3cret",
}
NOTHING = dict.fromkeys(BUCKET, "")


def fields(**changes):
    facts = {
        "name": "lake",
        "kind": "bucket",
        "path": "nightly",
        "format": "parquet",
        "hour": "2",
        "is_enabled": "on",
    }
    return {"seller": "", **facts, **BUCKET, **changes}


def folder(**changes):
    return fields(**{"name": "share", "kind": "folder"} | NOTHING | changes)


def test_finance_adds_a_bucket_whose_secret_is_stored_encrypted(member):
    client = member("finance")
    assert client.post("/admin/billing/droptarget/add/", fields()).status_code == 302
    target = DropTarget.objects.get()
    assert (target.seller, decrypt(target.secret)) == (None, "s3cret")
    address = f"/admin/billing/droptarget/{target.pk}/change/"
    page = client.get(address).content.decode()
    assert "s3cret" not in page
    assert target.secret not in page
    changes = {"format": "csv", "hour": "4", "access_key": "AKIB", "secret_key": ""}
    assert client.post(address, changes).status_code == 302
    target.refresh_from_db()
    assert (target.format, target.hour, target.is_enabled, decrypt(target.secret)) == ("csv", 4, False, "s3cret")
    assert target.bucket == "books"


@pytest.mark.parametrize(
    ("posted", "error"),
    [
        (fields(endpoint="http://s3.example.com"), "Use https"),
        (fields(endpoint="https://10.0.0.1"), "is not an address of the public internet"),
        (fields(secret_key=""), "Enter the secret key of the bucket&#x27;s access key."),
        (fields(region=""), "a bucket needs an endpoint, a region, a name and an access key"),
        (fields(bucket="../x"), "This is no name of a bucket."),
        (folder(path=""), "A folder needs its path only"),
        (folder(path="../../etc"), "Use letters, digits"),
        (folder(path="/etc"), "Use letters, digits"),
        (folder(secret_key="s3cret"), "A folder has no secret key. Leave it empty."),
        (folder(hour="24"), "hour"),
    ],
)
def test_a_bad_target_is_refused(member, posted, error):
    answer = member("finance").post("/admin/billing/droptarget/add/", posted)
    assert answer.status_code == 200
    assert error in answer.content.decode()
    assert not DropTarget.objects.exists()


def test_two_targets_never_share_a_place(member):
    client = member("finance")
    client.post("/admin/billing/droptarget/add/", folder())
    answer = client.post("/admin/billing/droptarget/add/", folder(name="again", seller=make_seller().pk))
    assert "Another target writes to this place" in answer.content.decode()


def test_finance_starts_a_drop_and_sees_its_outcome(member):
    client = member("finance")
    client.post("/admin/billing/droptarget/add/", folder())
    target = DropTarget.objects.get()
    address = f"/admin/billing/droptarget/{target.pk}/drop_now/"
    assert "Drop all tables to share" in client.get(address).content.decode()
    answer = client.post(address, {"_agreed": "1"})
    job = Job.objects.get()
    assert answer.headers["Location"].endswith(f"/admin/billing/job/{job.pk}/change/")
    assert f"Job {job.pk} still drops to share" in client.post(address, {"_agreed": "1"}).content.decode()
    Job.objects.filter(pk=job.pk).update(state="failed", error="No directory is set.", finished_at=job.created_at)
    page = client.get(f"/admin/billing/droptarget/{target.pk}/change/").content.decode()
    assert "failed. No directory is set." in page
    assert "failed" in client.get("/admin/billing/droptarget/").content.decode()
    operations = member("operations")
    assert operations.get("/admin/billing/droptarget/").status_code == 200
    assert operations.post(address, {"_agreed": "1"}).status_code == 403
    assert member("support").get("/admin/billing/droptarget/").status_code == 403


def test_the_number_of_queries_does_not_depend_on_the_number_of_targets(member, django_assert_max_num_queries):
    client = member("finance")
    for number in range(8):
        DropTarget.objects.create(name=f"target-{number}", kind="folder", path=f"folder-{number}")
    with django_assert_max_num_queries(14):
        client.get("/admin/billing/droptarget/")
