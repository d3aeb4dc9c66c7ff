"""Networks that come from, or go to, other libraries and languages."""
