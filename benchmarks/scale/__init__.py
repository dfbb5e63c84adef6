"""Fill a database with years of schools' work, and measure what each request costs there."""
