"""Faults and delivery: what may go wrong around Swipr, done on purpose and by a seed, and what must hold all the same.

`make faults` runs every case at full size and prints a table; `make test` runs them smaller.
"""
