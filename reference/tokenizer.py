"""The models' tokenizer: byte-level BPE with every digit a piece of its own.

The file under ``reference/weights`` is what training and export use; the GGUF carries the same
pieces and merges, and llama.cpp's ``smollm`` split gives the same tokens.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from reference.examples import FORMATS, Mixture, examples
from reference.models import VOCABULARY_SIZE
from reference.tasks import TASKS
from runtime.executor.prompts import ChatMessage

__all__ = [
    "BOS",
    "CHAT_TEMPLATE",
    "END",
    "PAD",
    "SPECIAL_TOKENS",
    "TOKENIZER_PATH",
    "encode_chat",
    "load_tokenizer",
    "token_id",
    "train_tokenizer",
]

BOS: Final = "<|bos|>"
END: Final = "<|end|>"
PAD: Final = "<|pad|>"
SPECIAL_TOKENS: Final = (BOS, END, PAD, "<|system|>", "<|user|>", "<|assistant|>")

TOKENIZER_PATH: Final = Path(__file__).parent / "weights" / "tokenizer.json"

CHAT_TEMPLATE: Final = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)

_SAMPLE_COUNT: Final = 12_000
_SPLIT: Final = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def train_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """Learn the merges from ``texts``."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Split(Regex(_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def load_tokenizer(path: Path = TOKENIZER_PATH) -> Tokenizer:
    """Load the tokenizer, training it first where there is none yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        train_tokenizer(_sample_texts()).save(str(path))
    return Tokenizer.from_file(str(path))


def encode_chat(tokenizer: Tokenizer, messages: Sequence[ChatMessage]) -> list[int]:
    """Encode a chat as the chat template writes it, up to where the answer begins."""
    ids = [token_id(tokenizer, BOS)]
    for message in messages:
        ids.append(token_id(tokenizer, f"<|{message.role}|>"))
        ids += tokenizer.encode(message.content, add_special_tokens=False).ids
        ids.append(token_id(tokenizer, END))
    return [*ids, token_id(tokenizer, "<|assistant|>")]


def token_id(tokenizer: Tokenizer, piece: str) -> int:
    """Look up a piece that is known to be in the vocabulary.

    Raises:
        KeyError: It is not.
    """
    found: int | None = tokenizer.token_to_id(piece)
    if found is None:
        raise KeyError(piece)
    return found


def _sample_texts() -> Iterator[str]:
    mixture = Mixture(formats=dict.fromkeys(FORMATS, 1.0), tasks=dict.fromkeys(TASKS, 1.0))
    for example in islice(examples(mixture, split="train", seed=-1), _SAMPLE_COUNT):
        yield from (message.content for message in example.messages)
        yield example.target
