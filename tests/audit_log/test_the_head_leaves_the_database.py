"""The hash in which the chain ends is kept outside of the database, and a chain that was replaced lacks it."""

import logging
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from access.audit_log import log_head, seal_changes
from access.models import AuditSeal
from tests.builders import make_customer

pytestmark = pytest.mark.django_db


def test_the_hash_is_logged(caplog):
    with caplog.at_level(logging.INFO):
        assert log_head(at=timezone.now()) == 0
        make_customer("acme")
        seal_changes(at=timezone.now())
        assert log_head(at=timezone.now()) == 1
    assert AuditSeal.objects.get().hash in caplog.text


def test_the_command_shows_it_and_finds_a_former_one():
    out = StringIO()
    call_command("audit_log_head", stdout=out)
    make_customer("acme")
    seal_changes(at=timezone.now())
    call_command("audit_log_head", stdout=out)
    digest = AuditSeal.objects.get().hash
    call_command("audit_log_head", "--contains", digest, stdout=out)
    assert out.getvalue().startswith(f"Nothing is sealed yet.\n1 {digest}\nSeal 1 of ")
    with pytest.raises(CommandError, match="does not contain"):
        call_command("audit_log_head", "--contains", "0" * 64)
