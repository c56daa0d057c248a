"""The routes: one table per API, each entry a path, its weight, who may call it and the function that answers."""
