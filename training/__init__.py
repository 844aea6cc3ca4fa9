"""Fits a Keras model on MNIST, evaluates it and exports it as a version that the service serves."""

import os

# Read when TensorFlow and Keras are first imported: warnings and errors only, and TensorFlow to run Keras.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
os.environ["KERAS_BACKEND"] = "tensorflow"
