"""Benchmarks: ratios against something in the same run. `make bench` runs them and writes docs/benchmarks.md."""
