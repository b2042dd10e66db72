"""Words that values are composed of: titles, firms, groups, jobs, illnesses, forms of dates."""

from typing import Final

__all__ = [
    "DATE_FORMS",
    "FIRM_TAILS",
    "HONORIFICS",
    "INSTITUTIONS",
    "JOBS",
    "MONTHS",
    "PROJECTS",
    "RELIGIONS",
    "SERVERS",
    "SYLLABLES",
    "WEEKDAYS",
]

HONORIFICS: Final = (
    "Mr.",
    "Mrs.",
    "Ms.",
    "Dr.",
    "Prof.",
    "Mr",
    "Mrs",
    "Ms",
    "Dr",
    "Miss",
    "Sir",
    "Madam",
    "Lady",
    "Lord",
    "Frau",
    "Herr",
    "Mme",
    "M.",
    "Sra.",
    "Sr.",
    "Captain",
    "Judge",
    "Father",
    "Sister",
    "Nurse",
    "Rev.",
)
FIRM_TAILS: Final = (
    *(
        "Inc",
        "Inc.",
        "LLC",
        "Ltd",
        "Ltd.",
        "GmbH",
        "AG",
        "S.A.",
        "BV",
        "Corp",
        "Corporation",
        "plc",
    ),
    *("Group", "Holdings", "Partners", "Labs", "Systems", "Technologies", "Solutions", "Services"),
    *(
        "Software",
        "Logistics",
        "Foods",
        "Energy",
        "Capital",
        "Insurance",
        "Bank",
        "Media",
        "Health",
    ),
)
INSTITUTIONS: Final = (
    *("{place} University", "University of {place}", "{place} General Hospital", "{place} Clinic"),
    *("St. {first}'s Hospital", "{place} High School", "{place} City Council", "Hotel {word}"),
    *(
        "{place} Orchestra",
        "{place} United",
        "Bank of {place}",
        "{last} & Sons",
        "Restaurant {word}",
    ),
    *("{last} Foundation", "Museum of {place}", "{place} Airport", "{place} Police Department"),
    *("{word} Airlines", "Café {word}", "{place} Medical Center"),
)
SYLLABLES: Final = (
    *("ver", "dex", "lum", "tra", "nov", "syn", "bio", "med", "cor", "zen", "pax", "qui", "rom"),
    *("vel", "tek", "ora", "ify", "ly", "sys", "net", "gen", "axo", "pul", "mira", "kel", "sol"),
)
RELIGIONS: Final = (
    *("Muslim", "Christian", "Catholic", "Jew", "Hindu", "Buddhist", "Sikh", "Protestant"),
    *("Mormon", "Shia", "Sunni", "Orthodox Christian", "Quaker", "Lutheran", "atheist"),
)
JOBS: Final = (
    *("nurse", "teacher", "electrician", "bus driver", "cook", "programmer", "lawyer", "farmer"),
    *("accountant", "carpenter", "pharmacist", "mechanic", "pilot", "librarian", "sales manager"),
    *("project manager", "data analyst", "painter", "plumber", "journalist", "civil engineer"),
)
PROJECTS: Final = (
    *("Aurora", "Bluebird", "Falcon", "Kestrel", "Titan", "Orion", "Phoenix", "Glacier", "Nimbus"),
    *("Redwood", "Sparrow", "Atlas", "Monsoon", "Quartz", "Everest", "Juniper", "Cobalt"),
)
SERVERS: Final = (
    "srv",
    "db",
    "web",
    "app",
    "nas",
    "plc",
    "edge",
    "mail",
    "dc",
    "proxy",
    "vpn",
    "fw",
    "sql",
    "node",
    "cache",
    "gpu",
    "build",
    "file",
    "print",
    "hmi",
    "sw",
    "router",
)
MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DATE_FORMS: Final = (
    *("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y-%m-%d", "%d %B %Y", "%B %d, %Y", "%d %b %Y", "%d %B"),
    *(
        "%B %d",
        "%A, %d %B %Y",
        "%Y/%m/%d",
        "%d/%m",
        "%m/%d",
        "%a %d %b",
        "%Y%m%d",
        "%d-%b-%Y",
        "%d-%m-%Y",
        "%d.%m.%y",
        "%b %d",
        "%m/%d/%y",
        "%B %Y",
    ),
)
