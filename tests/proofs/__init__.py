"""Proofs that can run far longer than a test: the bounded share of each runs with the tests."""
