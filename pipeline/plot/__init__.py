"""The plot: what makes a story event begin, run out and end, and what it leaves behind."""
