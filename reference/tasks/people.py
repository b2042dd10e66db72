"""Given and family names from several locales, and invented people made of them.

The people are combinations drawn at random; none is meant to be anybody.
"""

import random
import unicodedata
from dataclasses import dataclass
from typing import Final

__all__ = ["FAMILY_NAMES", "GIVEN_NAMES", "Person", "draw_person"]

GIVEN_NAMES: Final[tuple[str, ...]] = tuple(
    """
    Anna Maria Jonas Lukas Emma Mia Hannah Leon Paul Felix Greta Ingrid Klaus Jürgen Sabine
    Katarzyna Piotr Agnieszka Tomasz Magdalena Paweł Zofia Jakub Ewa Marek Dorota Krzysztof
    Pierre Camille Amélie Hugo Louis Chloé Mathieu Élodie Julien Margaux Antoine Céline
    Carlos Lucía José Carmen Javier Sofía Diego Elena Pablo Marta Álvaro Inés Andrés Paula
    Giulia Marco Francesca Luca Chiara Matteo Alessia Davide Paolo Serena Lorenzo Bianca
    James Olivia William Charlotte Henry Grace Thomas Alice George Emily Oliver Sarah Daniel
    Ruth Samuel Naomi Peter Helen Michael Laura Robert Julia Edward Rose Arthur Clara
    Sven Astrid Erik Freja Lars Maja Nils Sigrid Ola Kari Mikkel Signe Aino Eero Helmi
    Pieter Sanne Willem Fleur Joost Lotte Daan Femke Bram Anouk
    Jana Petr Tereza Jiří Lenka Václav Zuzana Ondřej Eszter Bence Réka Zoltán Ilinca Radu
    Ivana Marko Milica Stefan Vesna Dragan Elif Mehmet Ayşe Emre Zeynep Kerem
    Amina Omar Layla Youssef Fatima Karim Noor Hassan Priya Arjun Ananya Rohan Meera Vikram
    Wei Mei Hiroshi Yuki Kenji Haruka Minh Linh Jisoo Minjun Kofi Ama Chidi Ngozi Thandi Sipho
    """.split()  # noqa: SIM905 - a word list reads better as text
)

FAMILY_NAMES: Final[tuple[str, ...]] = tuple(
    """
    Berg Schmidt Fischer Weber Wagner Becker Hoffmann Schäfer Koch Richter Klein Wolf Krüger
    Kowalska Nowak Wiśniewski Zielińska Kamińska Lewandowski Wójcik Mazur Krawczyk Dudek
    Moreau Dubois Laurent Lefèvre Girard Rousseau Fournier Mercier Blanc Chevalier Renaud
    García Fernández López Martínez Sánchez Romero Navarro Torres Vargas Iglesias Ortega
    Rossi Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Conti Gallo Fontana
    Smith Jones Taylor Brown Wilson Evans Walker Wright Hughes Green Hall Clarke Turner Cooper
    Ward Morris Baker Parker Bennett Foster Mason Hunt Palmer Webb Fisher Dawson Pearce Holt
    Larsson Nilsson Lindqvist Hansen Olsen Dahl Lund Sørensen Møller Holm Virtanen Korhonen
    Jansen Bakker Visser Mulder Dekker Vermeer Postma Hoekstra Kuiper Brouwer
    Novák Svoboda Dvořák Černá Procházka Kučera Nagy Szabó Horváth Varga Popescu Ionescu
    Novak Horvat Petrović Jovanović Babić Yılmaz Kaya Demir Şahin Aydın
    Haddad Mansour Nasser Khalil Farouk Rahman Sharma Patel Gupta Reddy Iyer Kapoor
    Chen Wang Zhang Tanaka Suzuki Watanabe Ito Nguyen Tran Pham Kim Park Mensah Owusu Okafor
    Adeyemi Dlamini Nkosi
    """.split()  # noqa: SIM905, RUF001 - a word list reads better as text
)


_NOT_DECOMPOSABLE: Final = str.maketrans("łø\u0131", "loi")


@dataclass(frozen=True, slots=True)
class Person:
    """An invented person."""

    given: str
    family: str

    @property
    def name(self) -> str:
        """Given and family name."""
        return f"{self.given} {self.family}"

    @property
    def ascii_handle(self) -> str:
        """``given.family`` in ASCII, as mail addresses write it."""
        return f"{_ascii(self.given)}.{_ascii(self.family)}"


def draw_person(rng: random.Random) -> Person:
    """Invent a person."""
    return Person(rng.choice(GIVEN_NAMES), rng.choice(FAMILY_NAMES))


def _ascii(name: str) -> str:
    plain = name.lower().translate(_NOT_DECOMPOSABLE)
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
