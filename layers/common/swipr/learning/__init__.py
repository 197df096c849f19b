"""Labels become the next version of a head, and what is known of them by models that had not seen them."""
