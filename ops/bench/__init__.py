"""Benchmarks: each measures one budget of the design and prints one JSON object.

`docs/benchmarks.md` says what each figure means and how it was taken.
"""
