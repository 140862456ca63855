"""What a customer is: its twelve fields, their rules, and how one is created."""
