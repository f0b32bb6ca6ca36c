"""The commands: run, test, check, and memproxy."""
