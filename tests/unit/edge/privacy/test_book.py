from edge.privacy.book import Book, Entry
from edge.privacy.placeholders import Grammar, Placeholder
from runtime.sentinel.categories import KINDS

GRAMMAR = Grammar([*KINDS, "project_name"])


def test_values_are_counted_per_kind_in_order_of_first_appearance() -> None:
    book = Book(GRAMMAR)

    given = [
        book.placeholder_for("person", "Anna Kowalska"),
        book.placeholder_for("phone", "+48 601 234 567"),
        book.placeholder_for("person", "Jonas Berg"),
        book.placeholder_for("project_name", "Falcon"),
        book.placeholder_for("person", "Anna Kowalska"),
    ]

    assert given == ["<PERSON_1>", "<PHONE_1>", "<PERSON_2>", "<PROJECT_NAME_1>", "<PERSON_1>"]


def test_another_spelling_of_a_value_shares_its_ordinal_and_keeps_its_own_form() -> None:
    book = Book(GRAMMAR)
    book.placeholder_for("phone", "+48 601 234 567")

    assert book.placeholder_for("phone", "+48601234567") == "<PHONE_1b>"
    assert book.values["<PHONE_1b>"] == "+48601234567"


def test_a_part_of_a_name_is_linked_to_the_only_person_who_fits() -> None:
    book = Book(GRAMMAR)
    book.placeholder_for("person", "Anna Kowalska")

    assert book.placeholder_for("person", "Kowalska") == "<PERSON_1b>"
    assert book.placeholder_for("person", "ANNA KOWALSKA") == "<PERSON_1c>"


def test_a_part_that_fits_two_people_is_a_value_of_its_own() -> None:
    book = Book(GRAMMAR)
    book.placeholder_for("person", "Anna Kowalska")
    book.placeholder_for("person", "Jan Kowalska")

    assert book.placeholder_for("person", "Kowalska") == "<PERSON_3>"


def test_a_full_name_is_linked_to_the_part_that_came_first() -> None:
    book = Book(GRAMMAR)
    book.placeholder_for("person", "Kowalska")

    assert book.placeholder_for("person", "Anna Kowalska") == "<PERSON_1b>"


def test_two_people_who_share_a_given_name_stay_two() -> None:
    book = Book(GRAMMAR)
    book.placeholder_for("person", "Anna Kowalska")
    book.placeholder_for("person", "Anna")

    assert book.placeholder_for("person", "Anna Nowak") == "<PERSON_2>"


def test_a_value_with_more_forms_than_letters_gets_a_new_ordinal() -> None:
    book = Book(GRAMMAR)

    given = [book.placeholder_for("phone", "12 34" + " " * extra + "56") for extra in range(27)]

    assert given[25] == "<PHONE_1z>"
    assert given[26] == "<PHONE_2>"
    assert len(set(given)) == len(given)


def test_a_book_made_from_its_entries_goes_on_where_it_was() -> None:
    book = Book(GRAMMAR)
    for value in ("Anna Kowalska", "Kowalska", "Jonas Berg"):
        book.placeholder_for("person", value)
    entries = book.take_fresh()

    again = Book(GRAMMAR, entries)

    assert again.values == book.values
    assert again.placeholder_for("person", "Berg") == "<PERSON_2b>"
    assert again.placeholder_for("person", "Wei Chen") == "<PERSON_3>"
    assert again.take_fresh() == (Entry("<PERSON_2b>", "Berg"), Entry("<PERSON_3>", "Wei Chen"))


def test_a_kind_that_nobody_declared_is_called_sensitive() -> None:
    assert Book(GRAMMAR).placeholder_for("shoe size", "44") == "<SENSITIVE_1>"


def test_a_placeholder_is_read_back_as_it_was_written() -> None:
    for placeholder in (Placeholder("PERSON", 1), Placeholder("API_KEY", 27, 1)):
        assert Placeholder.parse(str(placeholder)) == placeholder


def test_a_title_is_no_part_of_who_somebody_is() -> None:
    book = Book(GRAMMAR)
    assert book.placeholder_for("person", "Dr. Xylo Brant") == "<PERSON_1>"
    assert book.placeholder_for("person", "Xylo Brant") == "<PERSON_1b>"
    assert book.placeholder_for("person", "Brant") == "<PERSON_1c>"
    assert book.placeholder_for("person", "Dr. Ann Jones") == "<PERSON_2>"
    assert book.placeholder_for("person", "Dr.") == "<PERSON_3>"
