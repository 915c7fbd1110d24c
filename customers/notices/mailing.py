"""
A notice as a person gets it.

Each kind has a template, templates/notices/<kind>.txt: the subject on its first line, then paragraphs. A translation
stands in templates/notices/<language>/<kind>.txt. What happened is listed below; the HTML says the same, framed.
"""

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string, select_template

from customers.notices.claiming import Claim
from customers.notices.signing import message_name


def mail(claim: Claim) -> None:
    """
    Send a delivery's mail.

    :raises OSError: if the mail server cannot be reached, or refuses (smtplib.SMTPException is one).
    """
    facts = {name: " ".join(str(value).split()) for name, value in claim.facts.items() if value is not None}
    context = {**facts, "customer": claim.customer or "", "customer_name": " ".join(claim.customer_name.split())}
    names = [f"notices/{claim.language}/{claim.kind}.txt", f"notices/{claim.kind}.txt"]
    subject, _, body = select_template(names).render(context).strip().partition("\n")
    paragraphs = [" ".join(one.split()) for one in body.split("\n\n") if one.strip()]
    listed = {name.replace("_", " ").capitalize(): value for name, value in facts.items()}
    shown = {"subject": subject, "paragraphs": paragraphs, "facts": listed}
    message = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string("notices/mail.txt", shown),
        to=[claim.address],
        headers={"Message-ID": f"<{message_name(claim.message_id)}.{claim.delivery_id}@tollbook>"},
    )
    message.attach_alternative(render_to_string("notices/mail.html", shown), "text/html")
    message.send()
