"""The tests, in a folder for each room; `support` has the code that they share."""
