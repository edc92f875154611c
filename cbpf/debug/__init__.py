"""The debugging room: what an expression means, what is wrong with it, and why a filter did what it did."""
