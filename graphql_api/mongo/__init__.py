"""How customers are stored: in MongoDB, through Motor or PyMongo, acknowledged by a journaled majority."""
