"""An ASGI app on loopback over LiteLLM's SDK: its Router, without its proxy."""
