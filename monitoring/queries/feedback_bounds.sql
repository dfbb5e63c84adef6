select feedback_bounds() as bounds
