"""Who may use how much: rates and concurrency, budgets by reserve-then-settle, prices."""
