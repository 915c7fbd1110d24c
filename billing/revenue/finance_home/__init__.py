"""The figures of the finance home: one seller, by currency, compared with the same day of the month before."""
