"""Read images: predict a digit, read numbers, and explain a prediction."""
