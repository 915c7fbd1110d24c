"""An edit of a draft and its publication wait for each other, so the published version is the checked one."""

import threading

import pytest
from django.db import IntegrityError, transaction

from plans.models import Fee, PlanVersion
from plans.publishing import publication as publication_module
from tests.builders import JAN, fee, make_plan, publish
from tests.races import Pause, start, wait_until_blocked

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def draft() -> PlanVersion:
    return make_plan("starter", fees=[fee("5")])


def test_a_publication_waits_for_an_edit_in_progress(draft: PlanVersion):
    edited, go_on = threading.Event(), threading.Event()

    def edit() -> None:
        with transaction.atomic():
            Fee.objects.update(amount=7)
            edited.set()
            go_on.wait(30)

    editing = start(edit)
    edited.wait(30)
    publication = start(lambda: publish(draft, at=JAN))
    wait_until_blocked()
    go_on.set()
    editing.result()
    assert publication.result().state == "live"
    assert Fee.objects.get().amount.amount == 7


def test_a_publication_checks_the_version_after_an_edit_in_progress(draft: PlanVersion):
    edited, go_on = threading.Event(), threading.Event()

    def empty() -> None:
        with transaction.atomic():
            Fee.objects.all().delete()
            edited.set()
            go_on.wait(30)

    editing = start(empty)
    edited.wait(30)
    publication = start(lambda: publish(draft, at=JAN))
    wait_until_blocked()
    go_on.set()
    editing.result()
    with pytest.raises(publication_module.NotReady):
        publication.result()
    assert PlanVersion.objects.get().state == "draft"


def test_an_edit_waits_for_a_publication_in_progress_and_is_refused(draft: PlanVersion, monkeypatch):
    pause = Pause.before(monkeypatch, publication_module, "_end_version_in_force")
    publication = start(lambda: publish(draft, at=JAN))
    pause.await_arrival()
    edit = start(lambda: Fee.objects.update(amount=7))
    wait_until_blocked()
    pause.release()
    publication.result()
    with pytest.raises(IntegrityError, match="published_version_is_frozen"):
        edit.result()
    assert Fee.objects.get().amount.amount == 5
