"""DuckDB over a lake: views and macros, connections, guards for users' SQL, and the data checks."""
