"""Numbers with a shape or a checksum, drawn until their check holds, and phrasings around them."""

import importlib
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from stdnum import imei, luhn

Maker = Callable[[random.Random], str]
VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
VIN_VALUES = dict(
    zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", [*range(10), *range(1, 9), 1, 2, 3, 4, 5, 7, 9,
        2, 3, 4, 5, 6, 7, 8, 9], strict=True)
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """A kind of number."""

    name: str
    make: Maker
    phrasings: tuple[str, ...] = ("{}", "It is {}, as far as I know.", "id: {}\nnext")
    """Those of a shape that stands alone; one that does not has its own."""


def drawn(alphabet: str, count: int, draw: random.Random) -> str:
    return "".join(draw.choices(alphabet, k=count))


def date(form: str, draw: random.Random) -> str:
    year, month, day = draw.randint(1940, 2005), draw.randint(1, 12), draw.randint(1, 28)
    values = {"Y": f"{year}", "y": f"{year % 100:02}", "m": f"{month:02}", "d": f"{day:02}"}
    return "".join(values.get(mark, mark) for mark in form)


def valid(module: str, form: str, draw: random.Random) -> str:
    """Draw by a form until the module's check holds.

    ``#`` is a digit, ``@`` a capital; ``<ymd>`` a date of which the letters say the parts.
    """
    check = importlib.import_module(f"stdnum.{module}").is_valid
    for _ in range(100_000):
        head, _, rest = form.partition("<")
        stamp, _, tail = rest.partition(">")
        written = head + date(stamp, draw) + tail
        number = "".join(
            drawn(string.digits, 1, draw)
            if mark == "#"
            else drawn(string.ascii_uppercase, 1, draw)
            if mark == "@"
            else mark
            for mark in written
        )
        if check(number):
            return number
    raise AssertionError(f"{module}: no valid number of the form {form}")


def vin(draw: random.Random) -> str:
    signs = [draw.choice("ABCDEFGHJKLMNPRSTUVWXYZ0123456789") for _ in range(13)]
    number = [*signs, *drawn(string.digits, 4, draw)]
    total = sum(w * VIN_VALUES[s] for w, s in zip(VIN_WEIGHTS, number, strict=True))
    number[8] = "0123456789X"[total % 11]
    return "".join(number)


def with_luhn(prefix: str, length: int, draw: random.Random) -> str:
    body = prefix + drawn(string.digits, length - len(prefix) - 1, draw)
    return body + luhn.calc_check_digit(body)


def imei_number(draw: random.Random) -> str:
    number = with_luhn("35", 15, draw)
    return draw.choice((number, imei.format(number)))


def base58(prefix: str, lengths: tuple[int, ...], draw: random.Random) -> str:
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    return prefix + drawn(alphabet, draw.choice(lengths), draw)


def bech32(prefix: str, draw: random.Random) -> str:
    return prefix + drawn("qpzry9x8gf2tvdw0s3jn54khce6mua7l", 39, draw)


def user_agent(draw: random.Random) -> str:
    version = f"{draw.randint(80, 130)}.0.{draw.randint(1000, 9999)}.{draw.randint(1, 99)}"
    system = draw.choice(("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7"))
    engine = "AppleWebKit/537.36 (KHTML, like Gecko)"
    return f"Mozilla/5.0 ({system}) {engine} Chrome/{version} Safari/537.36"


def dea(draw: random.Random) -> str:
    digits = [draw.randint(0, 9) for _ in range(6)]
    check = (digits[0] + digits[2] + digits[4] + 2 * (digits[1] + digits[3] + digits[5])) % 10
    return draw.choice("ABFGM") + drawn(string.ascii_uppercase, 1, draw) + "".join(
        map(str, [*digits, check])
    )  # fmt: skip


def npi(draw: random.Random) -> str:
    body = "80840" + draw.choice("12") + drawn(string.digits, 8, draw)
    return (body + luhn.calc_check_digit(body))[5:]


def in_seconds(degrees: float) -> str:
    minutes, seconds = int(degrees * 60 % 60), degrees * 3600 % 60
    return f"{int(degrees)}°{minutes:02}'{seconds:04.1f}\""


def coordinates(draw: random.Random) -> str:
    lat, lon = draw.uniform(-89, 89), draw.uniform(-179, 179)
    north, east = "NS"[lat < 0], "EW"[lon < 0]
    a, b = abs(lat), abs(lon)
    return draw.choice(
        (
            f"{lat:.6f}, {lon:.6f}",
            f"[{lat:.4f},{lon:.4f}]",
            f"{a:.4f}°{north} {b:.4f}°{east}",
            f"{a:.5f} {north}, {b:.5f} {east}",
            f"{in_seconds(a)}{north} {in_seconds(b)}{east}",
            f"{north} {int(a)}° {a * 60 % 60:06.3f}' {east} {int(b)}° {b * 60 % 60:06.3f}'",
            f"{int(a)}° {a * 60 % 60:.3f}' {north}, {int(b)}° {b * 60 % 60:.3f}' {east}",
        )
    )


def mac(draw: random.Random) -> str:
    digits = drawn("0123456789abcdef", 12, draw)
    pairs = [digits[at : at + 2] for at in range(0, 12, 2)]
    return draw.choice(
        (":".join(pairs), "-".join(pairs).upper(), f"{digits[:4]}.{digits[4:8]}.{digits[8:]}")
    )


def ipv6(draw: random.Random) -> str:
    parts = [f"{draw.randrange(65536):x}" for _ in range(8)]
    return draw.choice(
        (
            ":".join(parts),
            ":".join(part.zfill(4).upper() for part in parts),
            ":".join(parts[:3]) + "::" + parts[7],
            "::ffff:" + ".".join(str(draw.randrange(256)) for _ in range(4)),
            "fe80::" + ":".join(parts[:4]) + "%eth0",
            "2001:db8::" + parts[0],
            "::" + parts[1],
            "2001:db8:" + parts[2] + "::/48",
        )
    )


ID_CARDS = ("national id {}", "ID number: {}.", "tax id {} on the form")
NATIONAL: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("us.ssn", "###-##-####", ()),
    ("us.itin", "9##-8#-####", ()),
    ("us.ein", "##-#######", ("EIN {}", "our employer identification number is {}")),
    ("gb.nhs", "### ### ####", ()),
    ("gb.utr", "##########", ("UTR {}", "unique taxpayer reference: {}")),
    ("de.idnr", "## ### ### ###", ()),
    ("de.stnr", "###/###/####", ("Steuernummer {}", "St.-Nr. {}")),
    ("fr.nir", "1 ## 0# ## ### ### ##", ()),
    ("fr.nif", "## ## ### ### ###", ("numéro fiscal {}", "SPI: {}")),
    ("es.dni", "########@", ()),
    ("es.nie", "X#######@", ()),
    ("it.codicefiscale", "RSSMRA85T10A56#@", ()),
    ("pl.pesel", "<ymd>#####", ()),
    ("pl.nip", "###-###-##-##", ("NIP {}", "NIP: {}.")),
    ("nl.bsn", "#########", ("BSN {}", "burgerservicenummer: {}")),
    ("be.nn", "<y.m.d>-###-##", ()),
    ("at.vnr", "#### <dmy>", ("SVNR {}", "Versicherungsnummer {}", "SV-Nummer: {}")),
    ("ch.ssn", "756.####.####.##", ()),
    ("se.personnummer", "<ymd>-####", ()),
    ("no.fodselsnummer", "<dmy> #####", ()),
    ("dk.cpr", "<dmy>-####", ()),
    ("fi.hetu", "<dmy>-###@", ()),
    ("is_.kennitala", "<dmy>-###9", ("kennitala {}", "kt. {}")),
    ("ee.ik", "3<ymd>####", ()),
    ("lt.asmens", "3<ymd>####", ()),
    ("cz.rc", "<ymd>/####", ()),
    ("sk.rc", "<ymd>/####", ()),
    ("si.emso", "<dm>990######", ("EMŠO {}", "JMBG: {}")),
    ("hr.oib", "###########", ("OIB {}", "OIB: {}")),
    ("ro.cnp", "1<ymd>4#####", ()),
    ("bg.egn", "<ymd>####", ("EGN {}", "ЕГН: {}")),
    ("gr.amka", "<dmy>#####", ("AMKA {}", "AMKA: {}")),
    ("pt.nif", "#########", ("NIF {}", "contribuinte n.º {}")),
    ("ie.pps", "#######@", ()),
    ("tr.tckimlik", "###########", ()),
    ("il.idnr", "#########", ("teudat zehut {}", "Israeli ID {}")),
    ("ua.rntrc", "##########", ("РНОКПП {}", "tax number {}")),
    ("ru.inn", "############", ("ИНН {}", "INN: {}")),
    ("br.cpf", "###.###.###-##", ()),
    ("ar.cuit", "20-########-#", ()),
    ("ar.dni", "##.###.###", ("DNI {}", "DNI: {}")),
    ("cl.rut", "##.###.###-#", ()),
    ("co.nit", "213.123.432-#", ("NIT {}", "NIT: {}")),
    ("mx.curp", "BOXW<ymd>HDFLRN0#", ()),
    ("mx.rfc", "BOXW<ymd>###", ("RFC {}", "RFC: {}")),
    ("pe.cui", "########-#", ("DNI {}", "CUI: {}")),
    ("do.cedula", "###-#######-#", ()),
    ("ec.ci", "17########", ("cédula {}", "cedula: {}")),
    ("ca.sin", "###-###-###", ()),
    ("au.tfn", "### ### ###", ("TFN {}", "tax file number: {}")),
    ("nz.ird", "##-###-###", ("IRD number {}", "IRD: {}")),
    ("in_.aadhaar", "#### #### ####", ()),
    ("in_.pan", "ABCPK####@", ()),
    ("pk.cnic", "3####-#######-#", ()),
    ("cn.ric", "110105<Ymd>####", ()),
    ("kr.rrn", "<ymd>-1######", ()),
    ("jp.in_", "############", ("My Number {}", "マイナンバー {}")),
    ("my.nric", "<ymd>-14-####", ()),
    ("id.nik", "3171##<dmy>####", ("NIK {}", "NIK: {}")),
    ("th.pin", "#-####-#####-##-#", ()),
    ("za.idnr", "<ymd>####08#", ()),
    ("vn.mst", "0#########", ("MST {}", "mã số thuế: {}")),
)
SHAPES: tuple[Shape, ...] = (
    *(
        Shape(module, partial(valid, module, form), phrasings or Shape.phrasings)
        for module, form, phrasings in NATIONAL
    ),
    Shape("VIN", vin, ("{}", "VIN {}", "The car's chassis number is {}.")),
    Shape("IMEI", imei_number, ("IMEI: {}", "phone with the IMEI {} was stolen", "imei={}")),
    Shape("ICCID", partial(with_luhn, "8901", 19), ("ICCID {}", "SIM card {}", "iccid: {}")),
    Shape("IMSI", lambda d: "31026" + drawn(string.digits, 10, d), ("IMSI {}", "imsi: {}")),
    Shape("MEID", lambda d: "A0" + drawn("0123456789ABCDEF", 12, d), ("MEID {}", "meid: {}")),
    Shape(
        "BIC",
        lambda d: (
            drawn(string.ascii_uppercase, 4, d)
            + d.choice(("DE", "GB", "FR", "US"))
            + drawn(string.ascii_uppercase, 2, d)
            + d.choice(("", "XXX", "500"))
        ),
        ("BIC {}", "SWIFT code: {}", "SWIFT/BIC {} please", "bic is {}"),
    ),
    Shape(
        "ABA",
        lambda d: valid("us.rtn", "0########", d),
        ("routing number {}", "ABA {}", "ABA routing: {}", "RTN {}"),
    ),
    Shape(
        "US account",
        partial(drawn, string.digits, 10),
        ("account number {}", "acct no. {}", "Account: {}", "my account is {}"),
    ),
    Shape(
        "sort code",
        lambda d: "-".join(drawn(string.digits, 2, d) for _ in range(3)),
        ("sort code {}", "Sort code: {} account 12345678"),
    ),
    Shape("Bitcoin bech32", partial(bech32, "bc1q")),
    Shape("Litecoin", partial(base58, "L", (33,))),
    Shape("Litecoin M", partial(base58, "M", (33,))),
    Shape("Litecoin bech32", partial(bech32, "ltc1q")),
    Shape("Ethereum", lambda d: "0x" + drawn("0123456789abcdefABCDEF", 40, d)),
    Shape("Monero", partial(base58, "4", (94,))),
    Shape("Ripple", partial(base58, "r", (33,)), ("XRP {}", "ripple address {}", "wallet {}")),
    Shape("Dogecoin", partial(base58, "D", (33,)), ("DOGE {}", "wallet address {}")),
    Shape("Tron", partial(base58, "T", (33,)), ("TRX {}", "USDT (TRC20) to {}")),
    Shape("Cardano", lambda d: "addr1" + drawn("qpzry9x8gf2tvdw0s3jn54khce6mua7l", 98, d)),
    Shape("Solana", partial(base58, "", (44,)), ("solana address {}", "SOL wallet {}")),
    Shape("IPv6", ipv6, ("from {} today", "{}", "ip={}")),
    Shape("MAC", mac, ("{}", "mac {} joined")),
    Shape("user agent", user_agent, ("{}", "from 10.0.0.1 with {}, twice")),
    Shape("coordinates", coordinates, ("at {} now", "{}")),
    Shape("NPI", npi, ("NPI {}", "provider NPI: {}", "npi number {}")),
    Shape("DEA", dea, ("DEA {}", "DEA number: {}", "dea# {}")),
    Shape(
        "passport",
        lambda d: d.choice(
            (
                drawn(string.digits, 9, d),
                d.choice("ABCX") + drawn(string.digits, 8, d),
                "C01X" + drawn("0123456789CFGHJK", 5, d),
            )
        ),
        ("passport {}", "Passport No: {}", "passport number is {}", "Reisepass {}"),
    ),
    Shape(
        "driver's licence",
        lambda d: d.choice(
            (
                d.choice("ABDF") + drawn(string.digits, 7, d),
                drawn(string.digits, 8, d),
                "MORGA" + drawn(string.digits, 6, d) + "SM9IJ",
                "S"
                + "-".join(
                    (
                        drawn(string.digits, 3, d),
                        drawn(string.digits, 3, d),
                        drawn(string.digits, 2, d),
                    )
                ),
            )
        ),
        (
            "driver's license {}",
            "Driving licence number: {}",
            "driver license no. {}",
            "DL {}",
            "DL# {}",
        ),
    ),
    Shape(
        "plate",
        lambda d: d.choice(
            (
                drawn(string.digits, 1, d)
                + drawn(string.ascii_uppercase, 3, d)
                + drawn(string.digits, 3, d),
                "B-" + drawn(string.ascii_uppercase, 2, d) + " " + drawn("123456789", 4, d),
                drawn(string.ascii_uppercase, 2, d)
                + drawn(string.digits, 2, d)
                + " "
                + drawn(string.ascii_uppercase, 3, d),
            )
        ),
        (
            "license plate {}",
            "number plate: {}",
            "plate {} was seen",
            "Kennzeichen {}",
            "registration {}",
        ),
    ),
    Shape(
        "insurance",
        lambda d: d.choice(
            (
                drawn(string.ascii_uppercase, 3, d) + drawn(string.digits, 9, d),
                d.choice("AXK") + drawn(string.digits, 9, d),
                "1EG4-TE5-MK" + drawn(string.digits, 2, d),
            )
        ),
        (
            "insurance number {}",
            "member ID: {}",
            "policy no. {}",
            "Medicare number {}",
            "health plan beneficiary number {}",
            "Krankenversichertennummer {}",
        ),
    ),
    Shape(
        "birth in words",
        lambda d: d.choice(
            (
                "the third of May 1980",
                "May third, 1980",
                "3rd of May, 1980",
                "the 3rd of May nineteen eighty",
                "12 März 1980",
                "the twelfth of March 1980",
                "March the 12th, 1980",
                "12. Mai 1980",
                "5 de mayo de 1980",
                "1980, May 3",
            )
        ),
        ("born on {}", "date of birth: {}", "DOB {}"),
    ),
    Shape(
        "latitude",
        lambda d: f"{d.uniform(-89, 89):.5f}",
        (
            "lat={}, lon=12.49637",
            '{"lat": {}, "lng": 2.29448}',
            "latitude {} longitude -8.61103",
            "https://maps.example.com/?q=41.89021,{}",
            "geo:{},8.54169",
        ),
    ),
    Shape(
        "longitude",
        lambda d: f"{d.uniform(-179, 179):.5f}",
        (
            "lat=41.89021, lon={}",
            '{"lat": 48.85837, "lng": {}}',
            "latitude 41.14961 longitude {}",
            "Latitude: 41.14961\nLongitude: {}",
            "geo:47.37689,{}",
        ),
    ),
    Shape("card", lambda d: with_luhn("4", 16, d)),
    Shape("card in groups", lambda d: " ".join(["4111", "1111", "1111", "1111"])),
    Shape("amex", partial(with_luhn, "37", 15)),
)


def texts(shape: Shape, draw: random.Random, each: int) -> Iterator[tuple[str, int, int]]:
    """Yield texts, and where the number stands in each."""
    for phrasing in shape.phrasings:
        for _ in range(each):
            value = shape.make(draw)
            start = phrasing.index("{}")
            yield phrasing.replace("{}", value), start, start + len(value)
