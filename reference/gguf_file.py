"""Write a trained network as a GGUF file that llama.cpp serves as it is.

Matrices whose rows divide into Q8_0 blocks are written as Q8_0, all others as f16; norms stay
f32. The tokenizer, the special tokens and the chat template travel in the file.
"""

import json
from pathlib import Path
from typing import Final

import gguf
import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer
from torch import Tensor

from reference.models import CONTEXT_TOKENS, VOCABULARY_SIZE, ModelSpec
from reference.network import NORM_EPSILON, ROPE_BASE
from reference.tokenizer import BOS, CHAT_TEMPLATE, END, PAD, SPECIAL_TOKENS

__all__ = ["as_stored", "gguf_name", "write_gguf"]

_BLOCK: Final = 32
_LAYER_NAMES: Final = {
    "attention_norm": "attn_norm",
    "query": "attn_q",
    "key": "attn_k",
    "value": "attn_v",
    "out": "attn_output",
    "ffn_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}


def write_gguf(path: Path, spec: ModelSpec, state: dict[str, Tensor], tokenizer: Tokenizer) -> None:
    """Write the file.

    Args:
        path: Where to.
        spec: The model's table row.
        state: The network's weights by torch name.
        tokenizer: The tokenizer it was trained with.
    """
    writer = gguf.GGUFWriter(str(path), "llama")
    _write_shape(writer, spec)
    _write_tokenizer(writer, tokenizer)
    for name, weight in state.items():
        array = weight.detach().cpu().float().numpy()
        kind = _storage(array)
        writer.add_tensor(gguf_name(name), gguf.quants.quantize(array, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def as_stored(array: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Round weights as the file does, to compare logits against what llama.cpp really computes."""
    kind = _storage(array)
    stored = gguf.quants.dequantize(gguf.quants.quantize(array, kind), kind)
    return np.asarray(stored, dtype=np.float32).reshape(array.shape)


def _storage(array: npt.NDArray[np.float32]) -> gguf.GGMLQuantizationType:
    if array.ndim == 1:
        return gguf.GGMLQuantizationType.F32
    if array.shape[-1] % _BLOCK:
        return gguf.GGMLQuantizationType.F16
    return gguf.GGMLQuantizationType.Q8_0


def gguf_name(name: str) -> str:
    """Return what a weight of the network is called in the file."""
    match name.split("."):
        case ["embedding", "weight"]:
            return "token_embd.weight"
        case ["norm", "weight"]:
            return "output_norm.weight"
        case ["blocks", layer, part, "weight"]:
            return f"blk.{layer}.{_LAYER_NAMES[part]}.weight"
        case _:
            raise KeyError(name)


def _write_shape(writer: gguf.GGUFWriter, spec: ModelSpec) -> None:
    writer.add_name(spec.name)
    writer.add_description("Reference model of Leeward: generated word problems and lookups.")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(spec.width)
    writer.add_block_count(spec.layers)
    writer.add_feed_forward_length(spec.ffn_width)
    writer.add_head_count(spec.heads)
    writer.add_head_count_kv(spec.kv_heads)
    writer.add_rope_dimension_count(spec.head_width)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_vocab_size(VOCABULARY_SIZE)
    is_blocked = spec.width % _BLOCK == 0
    kind = gguf.LlamaFileType.MOSTLY_Q8_0 if is_blocked else gguf.LlamaFileType.MOSTLY_F16
    writer.add_file_type(kind)


def _write_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    ids = tokenizer.get_vocab()
    pieces = sorted(ids, key=lambda piece: ids[piece])
    types = [
        gguf.TokenType.CONTROL if piece in SPECIAL_TOKENS else gguf.TokenType.NORMAL
        for piece in pieces
    ]
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(pieces)
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(ids[BOS])
    writer.add_eos_token_id(ids[END])
    writer.add_eot_token_id(ids[END])
    writer.add_pad_token_id(ids[PAD])
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)
