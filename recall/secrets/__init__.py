"""How secrets are recognised: a module for each way by which one can be told."""
