"""Usage that arrives after its period is closed: reported, invoiced or reissued."""
