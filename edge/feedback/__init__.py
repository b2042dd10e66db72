"""What callers say of answers that ``leeward/auto`` gave, and what routing makes of it."""
