select wait_bounds() as bounds
