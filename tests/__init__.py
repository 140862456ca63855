"""The tests, in a folder for each room; `support` has what they share."""
