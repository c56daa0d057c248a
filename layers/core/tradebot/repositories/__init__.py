"""Every query. Each takes the user it is asked for; row level security is the net below."""
