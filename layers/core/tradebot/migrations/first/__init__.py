"""The SQL of the first revision. It is history: what changes later changes by another revision."""
