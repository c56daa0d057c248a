"""The routes: parse, one use case, answer."""
