"""An example may take long on a busy machine; what hangs runs into the limit of the test run."""

from hypothesis import settings

settings.register_profile("patient", settings(), deadline=None)
settings.load_profile("patient")
