"""What should happen to a request: pure values and functions, no traffic."""
