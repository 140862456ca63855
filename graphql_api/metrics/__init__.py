"""How the server is watched: what each server process counts, and the page that shows it."""
