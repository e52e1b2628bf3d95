"""The doctor: what may be wrong with a data folder, and for each the command that mends it."""
