"""The recipe of the sentinel's model: generated text, fine-tuning, distillation, export, card."""
