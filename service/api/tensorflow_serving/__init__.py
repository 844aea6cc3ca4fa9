"""TensorFlow Serving's REST API, which is also KServe's v1 protocol."""
