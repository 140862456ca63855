"""How customers are stored: in MongoDB, acknowledged by a journaled majority."""
