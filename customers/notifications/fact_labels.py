"""Labels of the facts below an email."""

from collections.abc import Mapping

LABELS: dict[str, dict[str, str]] = {
    "de": {
        "amount": "Betrag",
        "balance": "Guthaben",
        "bill_after": "künftig",
        "bill_before": "bisher",
        "bonus": "Bonus",
        "currency": "Währung",
        "due": "Offen",
        "due_date": "Fällig am",
        "ends_at": "Endet am",
        "expires_at": "Verfällt am",
        "feature": "Funktion",
        "limit": "Grenze",
        "new_plan": "Neuer Tarif",
        "not_before": "Frühestens am",
        "number": "Nummer",
        "online": "Im Kundenportal",
        "period_end": "Ende des Zeitraums",
        "plan": "Tarif",
        "subscription": "Abonnement",
        "threshold": "Schwelle (%)",
        "total": "Summe",
        "unit": "Einheit",
        "units": "Menge",
        "value": "Stand",
        "wallet_name": "Guthabenkonto",
    },
    "fr": {
        "amount": "Montant",
        "balance": "Solde",
        "bill_after": "à l'avenir",
        "bill_before": "jusqu'ici",
        "bonus": "Bonus",
        "currency": "Devise",
        "due": "Reste dû",
        "due_date": "Échéance",
        "ends_at": "Prend fin le",
        "expires_at": "Expire le",
        "feature": "Fonction",
        "limit": "Limite",
        "new_plan": "Nouvelle offre",
        "not_before": "Au plus tôt le",
        "number": "Numéro",
        "online": "Sur le portail",
        "period_end": "Fin de la période",
        "plan": "Offre",
        "subscription": "Abonnement",
        "threshold": "Seuil (%)",
        "total": "Total",
        "unit": "Unité",
        "units": "Quantité",
        "value": "Niveau",
        "wallet_name": "Compte prépayé",
    },
    "es": {
        "amount": "Importe",
        "balance": "Saldo",
        "bill_after": "en adelante",
        "bill_before": "hasta ahora",
        "bonus": "Bonificación",
        "currency": "Moneda",
        "due": "Pendiente",
        "due_date": "Vence el",
        "ends_at": "Termina el",
        "expires_at": "Caduca el",
        "feature": "Función",
        "limit": "Límite",
        "new_plan": "Plan nuevo",
        "not_before": "No antes del",
        "number": "Número",
        "online": "En el portal",
        "period_end": "Fin del período",
        "plan": "Plan",
        "subscription": "Suscripción",
        "threshold": "Umbral (%)",
        "total": "Total",
        "unit": "Unidad",
        "units": "Cantidad",
        "value": "Nivel",
        "wallet_name": "Cuenta prepago",
    },
}


def label_facts(facts: Mapping[str, str], language: str) -> dict[str, str]:
    """
    Return facts by their labels in a language.

    English derives labels from the names. In other languages, facts without a label are omitted: they are internal
    numbers, and the text has the essentials.
    """
    if language not in LABELS:
        return {name.replace("_", " ").capitalize(): value for name, value in facts.items()}
    labels = LABELS[language]
    return {labels[name]: value for name, value in facts.items() if name in labels}
