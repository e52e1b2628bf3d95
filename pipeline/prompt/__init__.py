"""Prompt assembly: which words a speaker's model is given, block by block, within a budget."""
