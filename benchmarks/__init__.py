"""Measurements: `make bench` prints medians and ratios against DuckDB's exact answers in the same run."""
