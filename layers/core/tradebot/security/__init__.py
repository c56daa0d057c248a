"""Secrets: passwords, access tokens, exchange credentials at rest, and what keeps them out of logs."""
