"""What the pages show: tables, figures and sentences built from recorded results alone.

A page notebook calls one function a cell. Nothing here computes a result that is not in the run
store, but for pooling recorded rows over seeds.
"""
