"""The DuckDB side of a lake: views and macros, connections, fences around people's SQL, and the data checks."""
