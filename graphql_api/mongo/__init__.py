"""How customers are kept: in MongoDB, through Motor, acknowledged by a journaled majority."""
