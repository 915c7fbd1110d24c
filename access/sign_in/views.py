"""The pages that set up a second factor, which also confirms the running session."""

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import ActivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView
from django.forms import Form
from django.http import HttpRequest, HttpResponse


class TotpSetup(ActivateTOTPView):
    """The set-up of an authenticator app, whose code also confirms the running session."""

    def form_valid(self, form: Form) -> HttpResponse:
        response = super().form_valid(form)
        authenticator = _confirm(self.request, Authenticator.Type.TOTP)
        authenticator.wrap().validate_code(form.cleaned_data["code"])  # uses the code up, which works only once
        return response


class PasskeySetup(AddWebAuthnView):
    """The set-up of a passkey, whose signature also confirms the running session. It can sign in alone."""

    initial = {"passwordless": True}

    def form_valid(self, form: Form) -> HttpResponse:
        response = super().form_valid(form)
        _confirm(self.request, Authenticator.Type.WEBAUTHN)
        return response


def _confirm(request: HttpRequest, type_: Authenticator.Type) -> Authenticator:
    authenticator = Authenticator.objects.filter(user=request.user, type=type_).latest("pk")
    record_authentication(request, request.user, "mfa", type=type_, id=authenticator.pk)
    return authenticator
