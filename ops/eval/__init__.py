"""Evaluations: how well a part of the product does its work, on a set with known answers."""
