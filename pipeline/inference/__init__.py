"""Inference: one interface to every model server, and a small model of our own in a child process."""
