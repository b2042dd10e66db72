"""A LoRA adapter on a context: what one model says when a few of its weights are corrected.

A context has one set of adapters for all of its sequences, so a model with an adapter is served
by a process of its own; both map the same file, and its weights are in memory once.
"""

import ctypes

import llama_cpp

from edge.engine.native.context import LlamaContext
from edge.engine.native.model import LlamaModel, LoadLog
from runtime.errors import ModelInvalid

__all__ = ["apply_adapter"]


def apply_adapter(model: LlamaModel, context: LlamaContext, path: str, log: LoadLog) -> None:
    """Correct the weights that a context computes with, at full strength.

    Args:
        model: Whose adapter it must be.
        context: Where it is applied, for as long as the process lives.
        path: The GGUF file.
        log: Says why libllama refuses it.

    Raises:
        ModelInvalid: It is no adapter, or one of another model; the text is one line.
    """
    adapter = llama_cpp.llama_adapter_lora_init(model.handle, path.encode())
    if not adapter:
        raise ModelInvalid(f"its adapter {path} does not fit it: {log.reason}")
    adapters = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(adapter)
    strengths = (ctypes.c_float * 1)(1.0)
    if llama_cpp.llama_set_adapters_lora(context.handle, adapters, 1, strengths) != 0:
        raise ModelInvalid(f"its adapter {path} cannot be applied: {log.reason}")
