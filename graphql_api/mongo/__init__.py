"""How customers are stored: in MongoDB, through Motor, acknowledged by a journaled majority."""
