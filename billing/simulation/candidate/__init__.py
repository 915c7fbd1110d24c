"""The candidate version: its terms, and past usage rated by them."""
