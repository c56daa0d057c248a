"""Use cases, one verb per file. They own the transactions; what is chosen for them is chosen in `bootstrap`."""
