"""How property tests run, in all of the tests."""

from hypothesis import settings

# An example may take long on a busy machine; what hangs runs into the limit of the test run.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
