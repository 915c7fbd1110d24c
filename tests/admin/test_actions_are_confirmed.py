"""An action of the kit checks its permission, shows its consequences, and runs only once it is confirmed."""

import pytest
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Permission, User
from django.contrib.messages.storage.fallback import FallbackStorage
from django.core.exceptions import PermissionDenied
from django.test import RequestFactory

from lib.admin import ConfirmedAction, Preview, PreviewedAction, SelectionAction, StaffForm
from tests.builders import make_customer
from wallets.admin.wallets import WalletAdmin
from wallets.models import Wallet

pytestmark = pytest.mark.django_db

RIGHT = "wallets.grant_credits"


class NameRefused(Exception):
    field = "name"


class NameForm(StaffForm):
    name = forms.CharField()


def rename(wallet, name):
    """Rename a wallet, unless the name is taken."""
    if name == "Taken":
        raise NameRefused("Another wallet has this name.")
    Wallet.objects.filter(pk=wallet.pk).update(name=name)


class Rename(ConfirmedAction[Wallet]):
    label, verb = "Rename", "Rename wallet"
    permission = RIGHT
    title = "Rename {}"
    consequences = ["Statements show the new name."]
    form_class = NameForm
    refusals = (NameRefused,)
    is_offered = staticmethod(lambda wallet: wallet.closed_at is None)

    def run(self, wallet):
        rename(wallet, self.choices["name"])
        return self.done("It is renamed.")


class RenameFirst(PreviewedAction[Wallet], Rename):
    def preview(self, wallet):
        return Preview(title="Rename", consequences=self.effects)

    def effect(self, wallet):
        return [f"{wallet.name} becomes {self.choices['name']}."]


class RenameToTaken(Rename):
    form_class = None
    missing_reason = "Say why."

    def run(self, wallet):
        rename(wallet, "Taken")


class RenameAll(SelectionAction[Wallet]):
    label = "Rename all"
    permission = RIGHT
    title = "Rename the selected"
    limit = 2

    def run(self, wallets):
        for wallet in wallets:
            rename(wallet, "Renamed")
        return self.done("They are renamed.")


class RenamingPage(WalletAdmin):
    actions_detail = ("rename",)
    rename = Rename.as_action()
    rename_first = RenameFirst.as_action()
    rename_to_taken = RenameToTaken.as_action()
    rename_all = RenameAll.as_action()


@pytest.fixture
def page():
    return RenamingPage(Wallet, admin.site)


@pytest.fixture
def wallet():
    return Wallet.objects.create(customer=make_customer("acme"), name="Main")


@pytest.fixture
def send():
    """Return a function that makes the request of a staff user with some permissions."""

    def request_with(*codenames, method="post", **posted):
        user = User.objects.create_user(f"user-{User.objects.count()}", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        request = getattr(RequestFactory(), method)("/", posted)
        request.user, request.session = user, {}
        request._messages = FallbackStorage(request)
        return request

    return request_with


MAY = ("view_wallet", "grant_credits")


def text(response):
    assert response.status_code == 200
    return response.render().content.decode()


def name_of(wallet):
    return Wallet.objects.get(pk=wallet.pk).name


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    ("codenames", "why"),
    [(["view_wallet"], "the action's own permission"), (["grant_credits"], "the permission to view the row")],
)
def test_a_user_without_a_permission_is_refused(page, wallet, send, method, codenames, why):
    with pytest.raises(PermissionDenied):
        page.rename(send(*codenames, method=method, name="New"), object_id=str(wallet.pk))
    assert name_of(wallet) == "Main", why


def test_the_page_says_what_would_happen_and_changes_nothing(page, wallet, send):
    shown = text(page.rename(send(*MAY, method="get", name="New"), object_id=str(wallet.pk)))
    for words in (f"Rename {wallet}", "Statements show the new name.", "Rename wallet</button>"):
        assert words in shown, words
    assert name_of(wallet) == "Main"


def test_a_confirmation_runs_the_operation_and_reports_it(page, wallet, send):
    request = send(*MAY, name="New")
    response = page.rename(request, object_id=str(wallet.pk))
    assert (response.status_code, response.url) == (302, f"/admin/wallets/wallet/{wallet.pk}/change/")
    assert [str(message) for message in messages.get_messages(request)] == ["It is renamed."]
    assert name_of(wallet) == "New"


def test_an_invalid_form_is_shown_again(page, wallet, send):
    assert "This field is required." in text(page.rename(send(*MAY, other="x"), object_id=str(wallet.pk)))
    assert name_of(wallet) == "Main"


def test_a_refusal_is_shown_at_its_field(page, wallet, send):
    response = page.rename(send(*MAY, name="Taken"), object_id=str(wallet.pk))
    assert response.context_data["form"].errors["name"] == ["Another wallet has this name."]
    assert "Another wallet has this name." in text(response)
    assert name_of(wallet) == "Main"


def test_a_refusal_without_a_form_takes_the_place_of_the_button(page, wallet, send):
    shown = text(page.rename_to_taken(send(*MAY, _reason="merger"), object_id=str(wallet.pk)))
    assert "Another wallet has this name." in shown
    assert "Rename wallet</button>" not in shown


def test_a_missing_reason_is_asked_for(page, wallet, send):
    request = send(*MAY)
    assert "Rename wallet</button>" in text(page.rename_to_taken(request, object_id=str(wallet.pk)))
    assert [str(message) for message in messages.get_messages(request)] == ["Say why."]


BUTTONS = [
    # permissions            closed  offered
    (MAY, False, True),
    (("view_wallet",), False, False),
    (MAY, True, False),
]


@pytest.mark.parametrize(("codenames", "is_closed", "is_offered"), BUTTONS)
def test_the_button_is_there_for_those_who_may_while_it_fits(page, wallet, send, codenames, is_closed, is_offered):
    if is_closed:
        Wallet.objects.update(closed_at="2026-01-01T00:00Z")
    actions = page.get_actions_detail(send(*codenames, method="get"), str(wallet.pk))
    assert [action.description for action in actions] == ["Rename"] * is_offered


def test_only_the_choices_that_were_shown_run(page, wallet, send):
    shown = text(page.rename_first(send(*MAY, name="New"), object_id=str(wallet.pk)))
    assert "Main becomes New." in shown
    assert 'name="seen" value="New"' in shown
    shown = text(page.rename_first(send(*MAY, name="Other", seen="New"), object_id=str(wallet.pk)))
    assert "Main becomes Other." in shown
    assert name_of(wallet) == "Main"
    assert page.rename_first(send(*MAY, name="Other", seen="Other"), object_id=str(wallet.pk)).status_code == 302
    assert name_of(wallet) == "Other"


def test_a_selection_is_shown_then_changed_up_to_its_limit(page, send):
    wallets = [Wallet.objects.create(customer=make_customer(f"c-{n}"), name=f"W-{n}") for n in range(4)]
    queryset = Wallet.objects.order_by("pk")
    shown = text(page.rename_all(send(*MAY, action="rename_all"), queryset))
    assert shown.count('name="_selected_action"') == 2
    with pytest.raises(PermissionDenied):
        page.rename_all(send("view_wallet", action="rename_all", _agreed="1"), queryset)
    assert not Wallet.objects.filter(name="Renamed").exists()
    assert page.rename_all(send(*MAY, action="rename_all", _agreed="1"), queryset).status_code == 302
    assert [name_of(row) for row in wallets] == ["Renamed", "Renamed", "W-2", "W-3"]


def test_every_permission_that_an_action_names_exists():
    known = {f"{right.content_type.app_label}.{right.codename}" for right in _permissions()}
    named = set()
    for site_page in admin.site._registry.values():
        buttons = [*site_page._get_base_actions_list(), *site_page._get_base_actions_detail()]
        views = [button.method for button in buttons] + [view for view, *_ in site_page._get_base_actions()]
        named |= {getattr(view, "permission", "") for view in views}
    assert len(named) > 30
    assert named - known == {""}


def _permissions():
    return Permission.objects.select_related("content_type")
