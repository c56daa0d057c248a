"""The schema's history, inside the package: a laptop, a test and the migrate function run the same files."""
