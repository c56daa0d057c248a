"""The real worker against the simulated exchange, with time, wire and venue under control: every run is its seed's."""
