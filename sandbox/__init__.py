"""Local stand-ins of the two remote systems: QuickBooks Online and Linarc.

Each is a process of its own with an SQLite file and an append-only journal, the ground truth of every test.
Nothing here is shared with the code under test.
"""
