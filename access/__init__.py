"""Who gets in, and who may do what: staff sign-in, rate limits."""
