"""Labels of well-known vocabularies have a name here, or are known to be none of ours."""

from collections.abc import Iterator

import pytest

from bench.privacy_data import KindMap
from runtime.sentinel.categories import KINDS

VOCABULARIES = {
    "ai4privacy": """
        FIRSTNAME LASTNAME MIDDLENAME PREFIX GIVENNAME1 LASTNAME2 SURNAME TITLE=job: person
        USERNAME ACCOUNTNAME: username | EMAIL: email | PHONENUMBER TELEPHONENUM TEL: phone
        STREET BUILDINGNUMBER BUILDINGNUM SECONDARYADDRESS SECADDRESS ZIPCODE POSTCODE: address
        CITY COUNTY STATE COUNTRY: place | DOB BOD DATEOFBIRTH: date_of_birth | AGE: age
        DATE TIME: date | JOBTITLE JOBAREA JOBTYPE: job | COMPANYNAME: organization
        GENDER SEX EYECOLOR HEIGHT: group | SSN SOCIALNUM PASSPORT PASSPORTNUM TAXNUM: national_id
        IDCARD IDCARDNUM: national_id | DRIVERLICENSE DRIVERLICENSENUM: record_number
        VEHICLEVIN VEHICLEVRM PHONEIMEI: record_number | URL: url | IP IPV4 IPV6: ip | MAC: mac
        NEARBYGPSCOORDINATE GEOCOORD: coordinates | PASSWORD PASS PIN CREDITCARDCVV: password
        CREDITCARDNUMBER MASKEDNUMBER: card | ACCOUNTNUMBER ACCOUNTNUM IBAN: iban
        BIC: record_number | BITCOINADDRESS LITECOINADDRESS ETHEREUMADDRESS: crypto_wallet
        USERAGENT: host
        CURRENCY CURRENCYCODE CURRENCYNAME CURRENCYSYMBOL AMOUNT CREDITCARDISSUER CARDISSUER: -
        ORDINALDIRECTION: -""",
    "gretel": """
        first_name last_name name: person | email: email | phone_number: phone | user_name: username
        street_address address postcode: address | city country state county: place
        coordinate: coordinates | date date_time time: date | date_of_birth: date_of_birth
        company company_name: organization | ssn tax_id: national_id | credit_card_number: card
        swift_bic swift_bic_code bank_routing_number: record_number | iban bban: iban
        account_number: iban | customer_id employee_id unique_identifier: record_number
        medical_record_number health_plan_beneficiary_number: record_number
        certificate_license_number license_plate vehicle_identifier: record_number
        device_identifier biometric_identifier driver_license_number: record_number
        passport_number: national_id | ipv4 ipv6: ip | url: url | password pin account_pin: password
        credit_card_security_code cvv: password | api_key: api_key""",
    "n2c2 and i2b2": """
        PATIENT DOCTOR: person | USERNAME: username | PROFESSION: job | HOSPITAL ORGANIZATION:
        organization
        ROOM DEPARTMENT: organization | STREET ZIP: address | CITY STATE COUNTRY LOCATION-OTHER:
        place
        AGE: age | DATE: date | PHONE FAX: phone | EMAIL: email | URL: url | IPADDR: ip
        SSN: national_id | MEDICALRECORD HEALTHPLAN ACCOUNT=iban LICENSE VEHICLE DEVICE:
        record_number
        BIOID IDNUM: record_number""",
    "Nemotron": """
        first_name last_name: person | age: age | gender race_ethnicity religious_belief: group
        sexuality political_view language blood_type=condition marital_status: group
        education_level employment_status occupation: job | company_name: organization
        email: email | phone_number fax_number: phone | street_address postcode: address
        city county state country: place | coordinate: coordinates | date date_time time: date
        date_of_birth: date_of_birth | ssn national_id tax_id: national_id
        bank_routing_number swift_bic: record_number | account_number: iban
        credit_debit_card: card | cvv pin password: password | api_key http_cookie: api_key
        user_name: username | url: url | ipv4 ipv6: ip | mac_address: mac
        device_identifier biometric_identifier license_plate vehicle_identifier: record_number
        certificate_license_number customer_id employee_id unique_id: record_number
        health_plan_beneficiary_number medical_record_number: record_number""",
    "TAB": """
        PERSON: person | CODE: record_number | LOC: place | ORG: organization | DEM: group
        DATETIME: date | QUANTITY MISC: -""",
    "CoNLL and OntoNotes": """
        B-PER I-PER PERSON: person | ORG: organization | LOC GPE: place | FAC: address
        NORP: group | DATE TIME: date
        MISC PRODUCT EVENT WORK_OF_ART LAW LANGUAGE=group PERCENT MONEY QUANTITY ORDINAL CARDINAL:
        -""",
    "Presidio": """
        PERSON: person | EMAIL_ADDRESS: email | PHONE_NUMBER: phone | LOCATION: place | NRP: group
        DATE_TIME: date | CREDIT_CARD: card | CRYPTO: crypto_wallet | IBAN_CODE US_BANK_NUMBER: iban
        IP_ADDRESS: ip | MAC_ADDRESS: mac | URL: url | MEDICAL_LICENSE US_DRIVER_LICENSE:
        record_number
        US_ITIN US_PASSPORT US_SSN UK_NHS UK_NINO ES_NIF ES_NIE IT_FISCAL_CODE IT_VAT_CODE:
        national_id
        IT_PASSPORT IT_IDENTITY_CARD PL_PESEL SG_NRIC_FIN AU_ABN AU_ACN AU_TFN AU_MEDICARE:
        national_id
        IN_PAN IN_AADHAAR IN_VOTER IN_PASSPORT FI_PERSONAL_IDENTITY_CODE KR_RRN TH_TNIN: national_id
        IT_DRIVER_LICENSE IN_VEHICLE_REGISTRATION US_NPI SG_UEN: record_number""",
    "Google DLP": """
        PERSON_NAME FIRST_NAME LAST_NAME: person | EMAIL_ADDRESS: email | PHONE_NUMBER: phone
        STREET_ADDRESS: address | LOCATION: place | AGE: age | DATE TIME: date
        DATE_OF_BIRTH: date_of_birth | ETHNIC_GROUP GENDER: group | CREDIT_CARD_NUMBER: card
        US_SOCIAL_SECURITY_NUMBER US_INDIVIDUAL_TAXPAYER_IDENTIFICATION_NUMBER: national_id
        US_EMPLOYER_IDENTIFICATION_NUMBER US_PASSPORT UK_NATIONAL_INSURANCE_NUMBER: national_id
        UK_NATIONAL_HEALTH_SERVICE_NUMBER UK_TAXPAYER_REFERENCE GERMANY_IDENTITY_CARD_NUMBER:
        national_id
        FRANCE_NIR FRANCE_CNI SPAIN_NIE_NUMBER SPAIN_DNI_NUMBER ITALY_FISCAL_CODE: national_id
        POLAND_PESEL_NUMBER POLAND_NATIONAL_ID_NUMBER NETHERLANDS_BSN_NUMBER: national_id
        SWEDEN_NATIONAL_ID_NUMBER BRAZIL_CPF_NUMBER INDIA_AADHAAR_INDIVIDUAL: national_id
        CANADA_SOCIAL_INSURANCE_NUMBER MEXICO_CURP_NUMBER CHINA_RESIDENT_ID_NUMBER PASSPORT:
        national_id
        US_DRIVERS_LICENSE_NUMBER US_VEHICLE_IDENTIFICATION_NUMBER VEHICLE_IDENTIFICATION_NUMBER:
        record_number
        US_DEA_NUMBER US_HEALTHCARE_NPI MEDICAL_RECORD_NUMBER IMEI_HARDWARE_ID: record_number
        US_BANK_ROUTING_MICR SWIFT_CODE: record_number | IBAN_CODE: iban | IP_ADDRESS: ip
        MAC_ADDRESS MAC_ADDRESS_LOCAL: mac | LOCATION_COORDINATES: coordinates | URL: url
        DOMAIN_NAME: url | AUTH_TOKEN AWS_CREDENTIALS AZURE_AUTH_TOKEN GCP_API_KEY: api_key
        GCP_CREDENTIALS HTTP_COOKIE JSON_WEB_TOKEN OAUTH_CLIENT_SECRET XSRF_TOKEN: api_key
        ENCRYPTION_KEY: private_key | PASSWORD WEAK_PASSWORD_HASH: password
        MEDICAL_TERM ICD10_CODE ICD9_CODE: condition | ORGANIZATION_NAME: organization""",
    "AWS Comprehend": """
        NAME: person | ADDRESS: address | AGE: age | DATE_TIME: date | EMAIL: email | PHONE: phone
        USERNAME: username | URL: url | IP_ADDRESS: ip | MAC_ADDRESS: mac | PASSWORD PIN: password
        CREDIT_DEBIT_NUMBER: card | CREDIT_DEBIT_CVV: password | CREDIT_DEBIT_EXPIRY: date
        BANK_ACCOUNT_NUMBER INTERNATIONAL_BANK_ACCOUNT_NUMBER: iban
        BANK_ROUTING SWIFT_CODE DRIVER_ID LICENSE_PLATE VEHICLE_IDENTIFICATION_NUMBER: record_number
        AWS_ACCESS_KEY AWS_SECRET_KEY: api_key | SSN PASSPORT_NUMBER: national_id
        US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER CA_SOCIAL_INSURANCE_NUMBER: national_id
        CA_HEALTH_NUMBER UK_NATIONAL_HEALTH_SERVICE_NUMBER UK_NATIONAL_INSURANCE_NUMBER: national_id
        UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER IN_AADHAAR IN_PERMANENT_ACCOUNT_NUMBER IN_NREGA:
        national_id
        IN_VOTER_NUMBER: national_id | PHI: condition | ORGANIZATION: organization
        LOCATION: place | OTHER QUANTITY EVENT COMMERCIAL_ITEM TITLE=job: -""",
    "Azure": """
        Person: person | PersonType: job | PhoneNumber: phone | Organization: organization
        Address: address | Email: email | URL: url | IPAddress: ip | DateTime Date: date | Age: age
        DateOfBirth: date_of_birth | CreditCardNumber: card | InternationalBankingAccountNumber:
        iban
        USBankAccountNumber: iban | ABARoutingNumber SWIFTCode: record_number
        USSocialSecurityNumber USIndividualTaxpayerIdentification USUKPassportNumber: national_id
        UKNationalInsuranceNumber UKNationalHealthNumber UKUniqueTaxpayerNumber: national_id
        DEIdentityCardNumber DEPassportNumber DETaxIdentificationNumber FRNationalID: national_id
        FRSocialSecurityNumber FRPassportNumber ESDNI ESSocialSecurityNumber ITFiscalCode:
        national_id
        PLNationalID PLPassportNumber NLCitizensServiceNumber SENationalID BRCPFNumber: national_id
        INPermanentAccount INUniqueIdentificationNumber CNResidentIdentityCardNumber: national_id
        JPMyNumberPersonal AUTaxFileNumber AUMedicalAccountNumber CASocialInsuranceNumber:
        national_id
        USDriversLicenseNumber DEDriversLicenseNumber UKDriversLicenseNumber: record_number
        DrugEnforcementAgencyNumber AUDriversLicenseNumber LicensePlate
        VehicleIdentificationNumber: record_number
        AzureStorageAccountKey AzureSAS AzureServiceBusString AzureDocumentDBAuthKey: api_key
        AzureIoTConnectionString AzureRedisCacheString SQLServerConnectionString: url_credentials
        AzureIAASDatabaseConnectionAndSQLString: url_credentials | GPE: place
        MedicalLicenseNumber: record_number | Quantity: -""",
    "ours, of secrets": """
        session webhook: api_key | seed_phrase recovery_code pin secret_hash: password""",
}


def labels(table: str) -> Iterator[tuple[str, str]]:
    """Read ``LABEL OTHER=kind LAST: kind | ...``; a dash stands for what is not looked for."""
    waiting: list[str] = []
    words = iter(table.replace("|", " ").split())
    for word in words:
        waiting.append(word.rstrip(":"))
        if word.endswith(":"):
            kind = next(words)
            for name in waiting:
                label, _, own = name.partition("=")
                yield label, own or kind
            waiting = []


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_labels_of_others_have_a_name_here(vocabulary: str) -> None:
    kinds = KindMap()
    expected = dict(labels(VOCABULARIES[vocabulary]))

    found = {label: kinds.kind_of(label) or "-" for label in expected}

    assert found == expected
    assert set(expected.values()) <= {*KINDS, "-"}


def test_what_is_not_looked_for_is_said_so() -> None:
    unnamed = {
        label for table in VOCABULARIES.values() for label, kind in labels(table) if kind == "-"
    }

    assert {label for label in unnamed if not KindMap.is_not_looked_for(label)} == set()
