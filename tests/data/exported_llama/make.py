"""Write the export in this folder: ``python make.py`` in an environment of its own.

It needs what the project does not install: torch 2.13.0, transformers 4.57.6, optimum 2.1.0,
optimum-onnx 0.1.0, onnx 1.23.2, tokenizers 0.22.2 (these versions wrote what lies here). A Llama
with random weights is exported by Optimum under the common names, and ``expected.json`` gets what
Transformers itself answers, so that the test compares two runtimes and not one with itself.
"""

import json
import shutil
import tempfile
from pathlib import Path

import torch
from optimum.exporters.onnx import main_export
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

HERE = Path(__file__).parent
TEXT = "A ward has 4 beds. Each bed needs 3 sheets. How many sheets are needed? "
TEMPLATE = (
    "{% for m in messages %}{{ '<s>' if loop.first else '' }}{{ m['role'] }}: {{ m['content'] }}\n"
    "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)
PROMPTS = ["How many beds?", "4", TEXT * 3, "needed sheets"]
MAX_TOKENS = 40
CONTEXT_TOKENS = 256


def main() -> None:
    """Train a tokenizer, draw weights, export, and note the answers."""
    torch.manual_seed(7)
    tokenizer = made_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_TOKENS,
        bos_token_id=0,
        eos_token_id=1,
        initializer_range=0.3,
    )
    model = LlamaForCausalLM(config).eval()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source"), Path(folder, "target")
        tokenizer.save_pretrained(source)
        model.save_pretrained(source)
        main_export(
            str(source),
            target,
            task="text-generation-with-past",
            opset=17,
            library_name="transformers",
        )
        for file in target.iterdir():
            shutil.copy(file, HERE / file.name)
    unsaid = [one for one in range(len(tokenizer)) if not is_plain(tokenizer, one)]
    answers = [{"prompt": one, "answer": answer(model, tokenizer, one, unsaid)} for one in PROMPTS]
    notes = {"never": unsaid, "max_tokens": MAX_TOKENS, "answers": answers}
    (HERE / "expected.json").write_text(json.dumps(notes, indent=1) + "\n", encoding="utf-8")


def made_tokenizer() -> PreTrainedTokenizerFast:
    """Return a byte-level tokenizer with some merges."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet
    )
    tokenizer.train_from_iterator([TEXT] * 4, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.chat_template = TEMPLATE
    return fast


def is_plain(tokenizer: PreTrainedTokenizerFast, token: int) -> bool:
    """Whether a token is readable text: random weights say anything, and bytes are hard to read."""
    text = tokenizer.decode([token])
    return token > 1 and text.isascii() and text.isprintable()


def answer(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, prompt: str, unsaid: list[int]
) -> str:
    """Return the likeliest answer, as Transformers computes it."""
    chat = [{"role": "user", "content": prompt}]
    given = tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    said = model.generate(
        input_ids=given["input_ids"],
        attention_mask=given["attention_mask"],
        do_sample=False,
        max_new_tokens=MAX_TOKENS,
        suppress_tokens=unsaid,
    )
    return str(tokenizer.decode(said[0, given["input_ids"].shape[1] :]))


if __name__ == "__main__":
    main()
