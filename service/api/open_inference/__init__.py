"""The Open Inference Protocol, KServe's v2, with Triton's extensions."""
