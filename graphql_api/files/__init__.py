"""Reading and writing files of customers: CSV and JSON Lines, as other programs make them."""
