"""The forms of each digit, as hands of many countries write it."""
