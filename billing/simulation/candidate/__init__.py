"""The version under test: its terms, and past usage rated by them."""
