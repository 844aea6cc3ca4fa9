"""TensorFlow Serving's REST API, which is KServe's v1 protocol, too."""
