"""Benchmarks: neve, its peers and the limit, in one run."""
