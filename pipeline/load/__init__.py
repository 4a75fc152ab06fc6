"""Tables into the lake: snapshots, the pointer to the published one, and the DuckDB file over it."""
