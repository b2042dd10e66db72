"""Numbers by which states identify people, judged by ``python-stdnum``.

A check digit alone is a weak judge: one nine-digit number in eleven is a valid Dutch BSN. Each
number is therefore *strong* (its shape or its several checks say enough), *formatted* (enough
where it is written with its usual separators) or *weak* (only after a word that names it). After
such a word the shape is enough: a number with a typo identifies as well.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple

from stdnum.ar import cuit as ar_cuit
from stdnum.ar import dni as ar_dni
from stdnum.at import vnr as at_vnr
from stdnum.au import tfn as au_tfn
from stdnum.be import nn as be_nn
from stdnum.bg import egn as bg_egn
from stdnum.br import cpf as br_cpf
from stdnum.ca import sin as ca_sin
from stdnum.ch import ssn as ch_ssn
from stdnum.cl import rut as cl_rut
from stdnum.cn import ric as cn_ric
from stdnum.co import nit as co_nit
from stdnum.cz import rc as cz_rc
from stdnum.de import idnr as de_idnr
from stdnum.dk import cpr as dk_cpr
from stdnum.do import cedula as do_cedula
from stdnum.ec import ci as ec_ci
from stdnum.ee import ik as ee_ik
from stdnum.es import dni as es_dni
from stdnum.es import nie as es_nie
from stdnum.fi import hetu as fi_hetu
from stdnum.fr import nir as fr_nir
from stdnum.gb import nhs as gb_nhs
from stdnum.gb import utr as gb_utr
from stdnum.gr import amka as gr_amka
from stdnum.hr import oib as hr_oib
from stdnum.id import nik as id_nik
from stdnum.ie import pps as ie_pps
from stdnum.il import idnr as il_idnr
from stdnum.in_ import aadhaar as in_aadhaar
from stdnum.in_ import pan as in_pan
from stdnum.is_ import kennitala as is_kennitala
from stdnum.it import codicefiscale as it_codicefiscale
from stdnum.jp import in_ as jp_in
from stdnum.kr import rrn as kr_rrn
from stdnum.lt import asmens as lt_asmens
from stdnum.mx import curp as mx_curp
from stdnum.mx import rfc as mx_rfc
from stdnum.my import nric as my_nric
from stdnum.nl import bsn as nl_bsn
from stdnum.no import fodselsnummer as no_fodselsnummer
from stdnum.nz import ird as nz_ird
from stdnum.pe import cui as pe_cui
from stdnum.pk import cnic as pk_cnic
from stdnum.pl import nip as pl_nip
from stdnum.pl import pesel as pl_pesel
from stdnum.pt import nif as pt_nif
from stdnum.ro import cnp as ro_cnp
from stdnum.ru import inn as ru_inn
from stdnum.se import personnummer as se_personnummer
from stdnum.si import emso as si_emso
from stdnum.th import pin as th_pin
from stdnum.tr import tckimlik as tr_tckimlik
from stdnum.ua import rntrc as ua_rntrc
from stdnum.us import ein as us_ein
from stdnum.us import itin as us_itin
from stdnum.us import ssn as us_ssn
from stdnum.vn import mst as vn_mst
from stdnum.za import idnr as za_idnr

from runtime.sentinel.categories import IDENTITY
from runtime.sentinel.detectors.context import Context
from runtime.sentinel.span import Span

__all__ = ["NationalIdDetector"]

_Trust = Literal["strong", "formatted", "weak"]


class _Number(NamedTuple):
    """One kind of number and how much its check is worth."""

    name: str
    compact: str
    """Regular expression of the form without separators."""
    is_valid: Callable[[str], bool]
    trust: _Trust
    written: str = ""
    """Regular expression of the usual form with separators; empty when there is none."""


_NUMBERS: Final = (
    _Number("us.ssn", r"\d{9}", us_ssn.is_valid, "formatted", r"\d{3}[- ]\d{2}[- ]\d{4}"),
    _Number("us.itin", r"9\d{8}", us_itin.is_valid, "formatted", r"9\d{2}-\d{2}-\d{4}"),
    _Number("gb.nhs", r"\d{10}", gb_nhs.is_valid, "formatted", r"\d{3}[ -]\d{3}[ -]\d{4}"),
    _Number("pl.pesel", r"\d{11}", pl_pesel.is_valid, "strong"),
    _Number("de.idnr", r"[1-9]\d{10}", de_idnr.is_valid, "strong", r"\d\d \d{3} \d{3} \d{3}"),
    _Number("fr.nir", r"[12378]\d{4}[\dAB]{2}\d{8}", fr_nir.is_valid, "strong",
            r"[12378] \d\d \d\d [\dAB]{2} \d{3} \d{3}[ -]\d\d"),
    _Number("es.dni", r"\d{8}[A-Z]", es_dni.is_valid, "strong",
            r"(?:\d{8}|\d\d\.\d{3}\.\d{3})[- ]?[A-Z]"),
    _Number("es.nie", r"[XYZ]\d{7}[A-Z]", es_nie.is_valid, "strong", r"[XYZ]-?\d{7}-?[A-Z]"),
    _Number("it.codicefiscale", r"[A-Z]{6}\w{2}[A-Z]\w{2}[A-Z]\w{3}[A-Z]",
            it_codicefiscale.is_valid, "strong"),
    _Number("nl.bsn", r"\d{9}", nl_bsn.is_valid, "weak", r"\d{4}[. ]\d\d[. ]\d{3}"),
    _Number("ch.ssn", r"756\d{10}", ch_ssn.is_valid, "strong", r"756\.\d{4}\.\d{4}\.\d\d"),
    _Number("be.nn", r"\d{11}", be_nn.is_valid, "strong", r"\d\d\.\d\d\.\d\d-\d{3}[.-]\d\d"),
    _Number("se.personnummer", r"(?:\d{2})?\d{10}", se_personnummer.is_valid, "formatted",
            r"(?:\d\d)?\d{6}[-+]\d{4}"),
    _Number("no.fodselsnummer", r"\d{11}", no_fodselsnummer.is_valid, "strong", r"\d{6} \d{5}"),
    _Number("fi.hetu", r"\d{6}[A-FU-Y]\d{3}[0-9A-Z]", fi_hetu.is_valid, "strong",
            r"\d{6}[-+]\d{3}[0-9A-Z]"),
    _Number("dk.cpr", r"\d{10}", dk_cpr.is_valid, "formatted", r"\d{6}-\d{4}"),
    _Number("ie.pps", r"\d{7}[A-W][ABHTWX]?", ie_pps.is_valid, "strong"),
    _Number("pt.nif", r"\d{9}", pt_nif.is_valid, "weak", r"\d{3} \d{3} \d{3}"),
    _Number("br.cpf", r"\d{11}", br_cpf.is_valid, "formatted", r"\d{3}\.\d{3}\.\d{3}-\d\d"),
    _Number("cz.rc", r"\d{9,10}", cz_rc.is_valid, "formatted", r"\d{6}/\d{3,4}"),
    _Number("ro.cnp", r"[1-9]\d{12}", ro_cnp.is_valid, "strong"),
    _Number("bg.egn", r"\d{10}", bg_egn.is_valid, "weak"),
    _Number("ee.ik", r"[1-8]\d{10}", ee_ik.is_valid, "strong"),
    _Number("hr.oib", r"\d{11}", hr_oib.is_valid, "weak"),
    _Number("tr.tckimlik", r"[1-9]\d{10}", tr_tckimlik.is_valid, "strong"),
    _Number("in.aadhaar", r"[2-9]\d{11}", in_aadhaar.is_valid, "formatted",
            r"\d{4}[ -]\d{4}[ -]\d{4}"),
    _Number("in.pan", r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", in_pan.is_valid, "strong"),
    _Number("mx.curp", r"[A-Z]{4}\d{6}[A-Z]{6}\w\d", mx_curp.is_valid, "strong"),
    _Number("ca.sin", r"\d{9}", ca_sin.is_valid, "formatted", r"\d{3}[- ]\d{3}[- ]\d{3}"),
    _Number("za.idnr", r"\d{13}", za_idnr.is_valid, "strong",
            r"\d{6} \d{4} \d{2} \d|\d{6} \d{4} \d{3}"),
    _Number("kr.rrn", r"\d{13}", kr_rrn.is_valid, "strong", r"\d{6}-\d{7}"),
    _Number("cn.ric", r"\d{17}[\dX]", cn_ric.is_valid, "strong"),
    _Number("us.ein", r"\d{9}", us_ein.is_valid, "weak", r"\d\d-\d{7}"),
    _Number("gb.utr", r"\d{10}K?", gb_utr.is_valid, "weak", r"\d{5} \d{5}"),
    _Number("at.vnr", r"\d{10}", at_vnr.is_valid, "weak", r"\d{4} \d{6}"),
    _Number("is.kennitala", r"\d{10}", is_kennitala.is_valid, "formatted", r"\d{6}-\d{4}"),
    _Number("lt.asmens", r"[3-6]\d{10}", lt_asmens.is_valid, "strong"),
    _Number("si.emso", r"\d{13}", si_emso.is_valid, "formatted"),
    _Number("gr.amka", r"\d{11}", gr_amka.is_valid, "strong"),
    _Number("pl.nip", r"\d{10}", pl_nip.is_valid, "formatted", r"\d{3}-\d{3}-\d\d-\d\d"),
    _Number("il.idnr", r"\d{9}", il_idnr.is_valid, "weak", r"\d{8}-\d"),
    _Number("ua.rntrc", r"\d{10}", ua_rntrc.is_valid, "weak"),
    _Number("ru.inn", r"\d{12}", ru_inn.is_valid, "weak"),
    _Number("ar.cuit", r"(?:20|23|24|27|3[034])\d{9}", ar_cuit.is_valid, "formatted",
            r"\d\d-\d{8}-\d"),
    _Number("ar.dni", r"\d{7,8}", ar_dni.is_valid, "weak", r"\d{1,2}\.\d{3}\.\d{3}"),
    _Number("cl.rut", r"\d{7,8}[\dK]", cl_rut.is_valid, "formatted",
            r"\d{1,2}\.\d{3}\.\d{3}-[\dK]|\d{7,8}-[\dK]"),
    _Number("co.nit", r"\d{8,10}", co_nit.is_valid, "weak", r"\d{3}\.\d{3}\.\d{3}-\d"),
    _Number("mx.rfc", r"[A-Z&Ñ]{3,4}\d{6}(?:[A-Z\d]{3})?", mx_rfc.is_valid, "weak"),
    _Number("pe.cui", r"\d{8,9}[A-Z]?", pe_cui.is_valid, "weak", r"\d{8}-[\dA-Z]"),
    _Number("do.cedula", r"\d{11}", do_cedula.is_valid, "formatted", r"\d{3}-\d{7}-\d"),
    _Number("ec.ci", r"\d{10}", ec_ci.is_valid, "weak", r"\d{9}-\d"),
    _Number("au.tfn", r"\d{8,9}", au_tfn.is_valid, "weak", r"\d{3} \d{3} \d{3}"),
    _Number("nz.ird", r"\d{8,9}", nz_ird.is_valid, "weak", r"\d{2,3}-\d{3}-\d{3}"),
    _Number("pk.cnic", r"\d{13}", pk_cnic.is_valid, "formatted", r"\d{5}-\d{7}-\d"),
    _Number("jp.in", r"\d{12}", jp_in.is_valid, "weak", r"\d{4} \d{4} \d{4}"),
    _Number("my.nric", r"\d{12}", my_nric.is_valid, "formatted", r"\d{6}-\d\d-\d{4}"),
    _Number("id.nik", r"\d{16}", id_nik.is_valid, "weak"),
    _Number("th.pin", r"\d{13}", th_pin.is_valid, "formatted", r"\d-\d{4}-\d{5}-\d\d-\d"),
    _Number("vn.mst", r"\d{10}", vn_mst.is_valid, "weak", r"\d{10}-\d{3}"),
)  # fmt: skip

_NINO: Final = re.compile(
    r"(?<!\w)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)", re.IGNORECASE
)
"""British National Insurance number: no check digit, but a shape of its own."""

_BLOCK: Final = re.compile(r"(?<![^\W_])(?=[A-Za-z]{0,6}\d)[0-9A-Za-z]{8,18}(?![^\W_])")
_SIX_DIGITS: Final = re.compile(r"\d(?:[ ./+-]?\d){5}")
"""In every ``written`` form, and cheaper to look for; most texts need none of their searches."""
_MAY_BEGIN: Final = re.compile(
    r"[\dXYZxyz](?<![\w.-].)(?:(?<=\d)(?=(?:[ ./+-]?\d){5})|(?<=[XYZxyz])(?=-?\d(?:[ ./+-]?\d){5}))"
)
"""At the beginning of every ``written`` form, where the forms themselves are then tried."""
_CONTEXT: Final = Context(
    r"ssn|social security(?: (?:no|number))?|sin|social insurance|nhs(?: (?:no|number))?|pesel|nip"
    r"|national (?:id|insurance|identity)(?: (?:no|number|card))?|id (?:no|number|card)|nino|tin"
    r"|tax (?:id|number|payer)|steuer(?:-?id(?:nr)?|nummer|identifikationsnummer)|bsn"
    r"|burgerservicenummer"
    r"|dni|nie|nif|nir|insee|codice fiscale|personnummer|f[øo]dselsnummer|cpr|hetu|cnp|egn|oib"
    r"|rodn[eé] [cč][ií]slo|aadhaar|aadhar|pan|curp|cpf|tc kimlik|citizen|ahv|avs|rijksregister"
    r"|employer id\w*(?: (?:no|number))?|utr|unique taxpayer reference|tfn|tax file number"
    r"|sv(?:nr|-?nummer)|(?:sozial)?versicherungsnummer|егн|инн|рнокпп|снилс|amka|αμκα|αφμ"
    r"|contribuinte|teudat zehut|israeli id|cuit|cuil|c[ée]dula|my ?number|マイナンバー|nric|mykad"
    r"|cnic|em[sš]o|jmbg|asmens kodas|isikukood|kennitala|num[ée]ro fiscal|st\.?-?nr"
    r"|m[ãa] s[ốo] thu[ếe]|identity card|identification number"
    r"|(?-i:EIN|INN|RFC|NIT|RUT|RUN|CUI|NIK|IRD|MST|SPI|AFM)(?: (?:no|number))?|kt(?=\.)",
    reach_characters=48,
)


def _written(form: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.-])(?:{form})(?![^\W_]|[.-]\d)", re.IGNORECASE)


class NationalIdDetector:
    """Finds personal numbers of about thirty countries."""

    name = "national_id"
    kinds = frozenset({"national_id"})

    def __init__(self) -> None:
        self._compact = [(number, re.compile(number.compact)) for number in _NUMBERS]
        written = [number for number in _NUMBERS if number.written]
        self._written = [(number, _written(number.written)) for number in written]
        any_form = "|".join(f"(?:{number.written})" for number in written)
        self._any_written = re.compile(rf"(?={any_form})", re.IGNORECASE)
        """Where one begins, perhaps."""

    def detect(self, text: str) -> list[Span]:
        """Return the numbers in ``text``."""
        spans = [
            self._span(match, 0.9)
            for match in _BLOCK.finditer(text)
            if self._is_compact_number(text, match)
        ]
        if _SIX_DIGITS.search(text):
            spans += [self._span(match, 0.9) for match in _NINO.finditer(text)]
            spans += [
                self._span(match, 0.8)
                for number, match in self._written_numbers(text)
                if _CONTEXT.is_before(text, match.start())
                or (number.trust != "weak" and number.is_valid(match[0]))
            ]
        return spans

    def _written_numbers(self, text: str) -> Iterator[tuple[_Number, re.Match[str]]]:
        """Yield what has the usual form of a number, all forms looked for in one go."""
        for place in _MAY_BEGIN.finditer(text):
            if not self._any_written.match(text, place.start()):
                continue
            for number, written in self._written:
                match = written.match(text, place.start())
                if match is not None:
                    yield number, match

    def _is_compact_number(self, text: str, match: re.Match[str]) -> bool:
        compact = match[0].upper()
        fitting = [number for number, shape in self._compact if shape.fullmatch(compact)]
        if any(number.trust == "strong" and number.is_valid(compact) for number in fitting):
            return True
        return bool(fitting) and _CONTEXT.is_before(text, match.start())

    def _span(self, match: re.Match[str], score: float) -> Span:
        return Span(*match.span(), "national_id", IDENTITY, score, self.name)
