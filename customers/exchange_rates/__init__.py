"""Exchange rates for reports in one currency; no issued amount is ever converted. docs/exchange-rates.md."""
