"""Words that values are composed of: titles, firms, groups, jobs, illnesses, forms of dates."""

from typing import Final

__all__ = [
    "CONDITIONS",
    "DATE_FORMS",
    "DRUGS",
    "FIRM_TAILS",
    "GROUPS",
    "HONORIFICS",
    "INSTITUTIONS",
    "JOBS",
    "KNOWN_FIRMS",
    "MONTHS",
    "PROJECTS",
    "RELIGIONS",
    "SERVERS",
    "SYLLABLES",
    "WEEKDAYS",
]

HONORIFICS: Final = ("Mr.", "Mrs.", "Ms.", "Dr.", "Prof.", "Mr", "Mrs", "Ms", "Dr", "Miss", "Sir")
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
    *("Ministry of {word}", "{word} Airlines", "Café {word}", "{place} Medical Center"),
)
KNOWN_FIRMS: Final = (
    *("Google", "Microsoft", "Siemens", "Toyota", "IKEA", "Nestlé", "Bosch", "Samsung", "Pfizer"),
    *(
        "Walmart",
        "Shell",
        "Airbus",
        "Lufthansa",
        "Spotify",
        "Adidas",
        "Novartis",
        "Philips",
        "Intel",
    ),
    *("Amazon", "Netflix", "Unilever", "Visa", "the Red Cross", "UNICEF", "the BBC", "NASA", "WHO"),
)
SYLLABLES: Final = (
    *("ver", "dex", "lum", "tra", "nov", "syn", "bio", "med", "cor", "zen", "pax", "qui", "rom"),
    *("vel", "tek", "ora", "ify", "ly", "sys", "net", "gen", "axo", "pul", "mira", "kel", "sol"),
)
GROUPS: Final = (
    *(
        "American",
        "British",
        "German",
        "French",
        "Spanish",
        "Italian",
        "Polish",
        "Dutch",
        "Turkish",
    ),
    *("Swedish", "Danish", "Norwegian", "Finnish", "Czech", "Hungarian", "Romanian", "Croatian"),
    *(
        "Greek",
        "Russian",
        "Ukrainian",
        "Syrian",
        "Iraqi",
        "Iranian",
        "Afghan",
        "Indian",
        "Pakistani",
    ),
    *("Chinese", "Japanese", "Korean", "Vietnamese", "Thai", "Filipino", "Nigerian", "Kenyan"),
    *("Ethiopian", "Moroccan", "Egyptian", "Brazilian", "Mexican", "Argentinian", "Chilean"),
    *("Canadian", "Australian", "Irish", "Scottish", "Welsh", "Swiss", "Austrian", "Belgian"),
    *("Portuguese", "Latvian", "Estonian", "Lithuanian", "Serbian", "Albanian", "Icelandic"),
    *("Kurdish", "Roma", "Cambodian", "Cuban", "Peruvian", "Somali", "Israeli", "Lebanese"),
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
CONDITIONS: Final = (
    *(
        "asthma",
        "type 2 diabetes",
        "hypertension",
        "migraine",
        "depression",
        "pneumonia",
        "anaemia",
    ),
    *("atrial fibrillation", "chronic back pain", "breast cancer", "epilepsy", "eczema", "COPD"),
    *("a broken ankle", "kidney stones", "anxiety disorder", "hepatitis C", "rheumatoid arthritis"),
    *(
        "multiple sclerosis",
        "Crohn's disease",
        "a urinary tract infection",
        "HIV",
        "gout",
        "psoriasis",
    ),
)
DRUGS: Final = (
    *("metformin", "ibuprofen", "amoxicillin", "lisinopril", "sertraline", "salbutamol", "insulin"),
    *("atorvastatin", "paracetamol", "warfarin", "prednisone", "levothyroxine", "methotrexate"),
    *("omeprazole", "amlodipine", "citalopram", "morphine", "bisoprolol", "pregabalin"),
)
PROJECTS: Final = (
    *("Aurora", "Bluebird", "Falcon", "Kestrel", "Titan", "Orion", "Phoenix", "Glacier", "Nimbus"),
    *("Redwood", "Sparrow", "Atlas", "Monsoon", "Quartz", "Everest", "Juniper", "Cobalt"),
)
SERVERS: Final = ("srv", "db", "web", "app", "nas", "plc", "edge")
MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DATE_FORMS: Final = (
    *("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y-%m-%d", "%d %B %Y", "%B %d, %Y", "%d %b %Y", "%d %B"),
    *("%B %d", "%d-%m-%Y", "%d.%m.%y", "%b %d", "%m/%d/%y", "%B %Y"),
)
