"""Single sign-on: what our settings add to allauth, without a provider; tests/browser has one."""

import pytest
from allauth.socialaccount import app_settings
from allauth.socialaccount.adapter import get_adapter
from django.conf import settings as project_settings
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

pytestmark = pytest.mark.django_db

CALLBACK = "/admin/account/sign-in/sso/callback/"


@pytest.fixture
def configured(settings):
    app = {
        "provider_id": "sso",
        "name": "Company login",
        "client_id": "tollbook",
        "secret": "a secret of the tests",
        "settings": {"server_url": "https://provider.example"},
    }
    provider = {**settings.SOCIALACCOUNT_PROVIDERS["openid_connect"], "APPS": [app]}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": provider}


def test_tokens_are_not_stored():
    assert app_settings.STORE_TOKENS is False


def test_pkce_is_on():
    assert project_settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["OAUTH_PKCE_ENABLED"] is True


@pytest.mark.parametrize("query", ["?code=abc", "?code=abc&state=guessed"])
def test_a_callback_without_its_state_signs_nobody_in(configured, query):
    client = Client()

    response = client.get(CALLBACK + query)

    assert response.status_code in (401, 302, 200)
    assert "_auth_user_id" not in client.session
    assert not User.objects.exists()
    assert client.get("/admin/").status_code == 302


def test_a_person_is_their_subject_at_the_provider(configured):
    provider = get_adapter().get_provider(RequestFactory().get("/"), "sso")
    claims = {"sub": "248289761001", "email": "ann@tollbook.example", "preferred_username": "ann"}

    assert provider.extract_uid({"userinfo": claims}) == "248289761001"
