"""The only place that chooses concrete classes. Each function imports what it makes: a door pays for its own only."""
