"""Settings of an engine, as plain data; ``edge.app`` fills them from the daemon's settings."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["EngineOptions"]


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How a model is loaded and watched."""

    context_tokens: int = 0
    """What prompt and answer share; 0 takes what the model was trained for, at most 8192."""
    batch_tokens: int = 256
    """Most tokens per decode; a cancellation waits for one decode at most."""
    slots: int = 8
    """Calls that are answered at the same time; the others wait."""
    cache_tokens: int = 0
    """Room for the tokens of all slots together; 0 takes one context, at least 8192.

    When running calls outgrow it, the youngest waits and goes on later.
    """
    kept_prefixes: int = 8
    """Finished calls whose tokens stay computed while there is room, for what the same caller
    asks next; 0 keeps none. A deterministic model keeps none.

    While others run they are moved out of the cache, half of it at most: every running call
    would look past their cells at each token. That memory is counted with the model's.
    """
    is_deterministic: bool = False
    """Decode every sequence by itself, on a grid that depends on nothing but its prompt.

    The text is then the same whatever else is asked at the same time. It costs what batching
    wins: eight calls take as long together as one after another.
    """
    threads: int = 0
    """Threads of a decode; 0 takes all cores but one.

    Threads of a decode wait for each other by spinning: when the daemon needs one's core, all
    stand still (on 2 busy cores, 2 threads were over 100 times slower than 1).
    """
    guesses: bool = True
    """Let a stream that is alone try several tokens in one decode where its text repeats itself.

    What is chosen stays the same, but for numerical ties. Switches itself off where it does not
    pay; a deterministic model does without.
    """
    gather_s: float | None = None
    """How long the text of a token may wait for the next ones, to travel with them.

    A model that writes more than 30 tokens a second then sends several in one message; the first
    text of an answer and its end never wait. 0 sends every step's at once; ``None`` takes 0.03,
    and 0.06 where a decode uses every core: each message then holds the decode itself up.
    """
    gpu_layers: int = 0
    """Layers on an accelerator, for builds of libllama that have one."""
    draft: Path | None = None
    """A small model with the same vocabulary (GGUF), which guesses how a stream that is alone goes
    on; ``None`` for none. Not for deterministic models."""
    adapter: Path | None = None
    """A LoRA adapter of the model (GGUF), in force for every call; ``None`` for none."""
    takes_tensors: bool = False
    """Serve any ONNX graph of tensors, not a language model."""
    is_mapped: bool = True
    """Map the file instead of copying it into memory."""
    queue_limit: int = 32
    """Calls that may be open at once, the running one included; more are refused."""
    start_limit_s: float = 120.0
    """How long loading may take."""
    ping_interval_s: float = 1.0
    """How often a child with open calls is asked for a sign of life."""
    hang_limit_s: float = 5.0
    """How long the answer to that may take; then the child is killed and started again."""
    decode_limit_s: float = 120.0
    """How long one decode may take, ``batch_tokens`` of a prompt on a slow device; likewise."""
    step_limit_s: float = 10.0
    """How long anything else may take, such as one token under a grammar; likewise."""
    memory_headroom_bytes: int = 1 << 30
    """Address space the child may take beyond the loaded model."""
    restart_wait_s: float = 5.0
    """How long a call waits for a child that is being started again."""
    restart_pause_max_s: float = 30.0
    """Longest pause between attempts to restart; the first attempt has none."""
    drain_limit_s: float = 5.0
    """How long open calls may go on when a model is unloaded."""
