"""What goes in and what comes out, as Pydantic models. Never a table's class, and never the same model both ways."""
