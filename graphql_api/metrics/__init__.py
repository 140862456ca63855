"""How the server is watched: the numbers of each server process, and the page that shows them."""
