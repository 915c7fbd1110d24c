"""The past of the simulated periods: invoiced amounts and cost of usage."""
