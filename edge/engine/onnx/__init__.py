"""Decoder models in ONNX: onnxruntime computes, the engine's loop decides. Child only."""
