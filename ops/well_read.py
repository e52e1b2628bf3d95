"""Read by the process that others are forked from: what each of them would have to load at its start."""

from pipeline import tokens

tokens.encoding()
