"""Preparation: an image file is decoded, its digits are found, and each becomes 28x28 pixels in MNIST's form."""
