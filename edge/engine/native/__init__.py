"""What runs inside the child only: the one place that imports ``llama_cpp``."""
