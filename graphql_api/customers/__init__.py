"""What a customer is: its fields, their rules, and how a customer is created."""
