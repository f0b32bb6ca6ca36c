"""What happens to traffic: one verb per file. `memory.py` lists them in firing order."""
