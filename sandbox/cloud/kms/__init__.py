"""Key management: keys and what is said of them."""
