"""The word lists behind the person detector: known names, and words that stand beside names.

Reads the data files and says what each list is for; how they are used stands in
``runtime.sentinel.detectors.person``.
"""

from dataclasses import dataclass
from functools import cache, cached_property

from runtime.sentinel.data_files import read_sections

__all__ = ["NameLists", "shipped_names"]

_CONTEXT = "name_context.txt"


@dataclass(frozen=True)
class NameLists:
    """Words, casefolded, by what they say about a name."""

    given: frozenset[str]
    family: frozenset[str]
    ambiguous: frozenset[str]
    """Names that are also ordinary words or places."""
    titles: frozenset[str]
    """Words that a name follows, without their dot."""
    soft_titles: frozenset[str]
    """Titles that are also ordinary words: a common word after them is no name."""
    introductions: frozenset[str]
    """Words after which two or more unknown capitalised words are taken for a name."""
    single_introductions: frozenset[str]
    """Words after which one unknown capitalised word is enough."""
    human_verbs: frozenset[str]
    """Words before which two unknown capitalised words are taken for a name."""
    particles: frozenset[str]
    """Lower-case words inside a name."""
    not_names: frozenset[str]
    """Capitalised words that are part of no name unless a title says so."""

    @cached_property
    def known(self) -> frozenset[str]:
        """All given and family names."""
        return self.given | self.family


@cache
def shipped_names() -> NameLists:
    """Return the lists that come with the package; they are read once in a process."""
    context = {
        section: frozenset(word for line in lines for word in line.split())
        for section, lines in read_sections(_CONTEXT).items()
    }
    return NameLists(
        given=frozenset(read_sections("given_names.txt")[""]),
        family=frozenset(read_sections("family_names.txt")[""]),
        ambiguous=frozenset(read_sections("ambiguous_names.txt")[""]),
        titles=context["titles"],
        soft_titles=context["soft_titles"],
        introductions=context["introductions"],
        single_introductions=context["single_introductions"],
        human_verbs=context["human_verbs"],
        particles=context["name_particles"],
        not_names=context["not_names"],
    )
