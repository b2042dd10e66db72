"""Presidio's pattern recognisers on a blank spaCy pipeline, in an environment of their own.

Reads a JSON list of texts from standard input, writes ``{"spans": [[[start, end], ...], ...],
"ms": [...]}`` to standard output. Started by ``bench.privacy_peer``; imports nothing of ours,
because it runs where Leeward is not installed.
"""

import json
import sys
import time

import spacy
import tldextract
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine


class BlankEngine(SpacyNlpEngine):
    """A pipeline that splits into words and knows no names."""

    def __init__(self) -> None:
        super().__init__()
        self.nlp = {"en": spacy.blank("en")}


def main() -> None:
    """Analyse what comes in."""
    texts = json.load(sys.stdin)
    # The list of top-level domains that the package ships, not one fetched from the network.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    registry.remove_recognizer("SpacyRecognizer")
    engine = AnalyzerEngine(registry=registry, nlp_engine=BlankEngine(), supported_languages=["en"])
    engine.analyze("warm up: 4111 1111 1111 1111", language="en")
    spans, milliseconds = [], []
    for text in texts:
        started = time.process_time()
        found = engine.analyze(text, language="en")
        milliseconds.append((time.process_time() - started) * 1000)
        spans.append([[item.start, item.end] for item in found])
    json.dump({"spans": spans, "ms": milliseconds}, sys.stdout)


if __name__ == "__main__":
    main()
