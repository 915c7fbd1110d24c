CURRENCY_CHOICES: list[tuple[str, str]]
