"""The llama.cpp engine: a supervised child process per loaded model, and its front."""
