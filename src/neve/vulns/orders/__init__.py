"""Version orders, one module a world; ``order_of`` chooses. Distributions' own are in `formats`."""
