"""The same template on one machine. Nothing here is shipped."""
