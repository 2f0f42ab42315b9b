"""The checker: the MLCommons Science rules as code. Never imports TensorFlow."""
