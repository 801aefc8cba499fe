"""Data sets: their versions, what is expected of them, and whether they are as expected."""
