"""Fixtures that every test may ask for."""

pytest_plugins = ["tests.fixtures.database", "tests.fixtures.webhook_receiver"]
