"""HTTP: the routes, what guards them, and the server below them."""
