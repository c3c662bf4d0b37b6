"""The tests of neve."""
