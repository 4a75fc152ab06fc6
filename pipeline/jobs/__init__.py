"""What can be done to a lake: one file a use case; the only room that knows extract, landing, flatten and load."""
