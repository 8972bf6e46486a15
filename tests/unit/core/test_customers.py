"""The list of customers: what is taken from a CSV file, what is refused with which line, what a new list changes."""

import csv
import io
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.customers import csv_file
from functions.core.customers.csv_file import CsvError, parse
from functions.core.customers.listing import MOST_CUSTOMERS, Customer, Names, changes, encode

HEADING = "tenant,name,plan,monthly_price_usd\n"
ACME = Customer("acme", "Acme Ltd", "business", 49.5)


def problem(row):
    """What is wrong with a row, as the one problem of a file with a good row behind it."""
    parsed = parse(f"{HEADING}{row}\nbehind,Behind,,\n".encode())
    assert [each.tenant for each in parsed.customers] == ["behind"]
    [found] = parsed.problems
    assert found.startswith("line 2: ")
    return found.removeprefix("line 2: ")


@pytest.mark.parametrize(
    "content",
    [
        HEADING + "acme,Acme Ltd,business,49.5\n",
        HEADING + "acme,Acme Ltd,business,49.50",
        HEADING.replace("\n", "\r\n") + "\r\n acme , Acme Ltd ,business,49.5\r\n\r\n",
        "\ufeff" + HEADING.replace(",", ";") + "acme;Acme Ltd;business;49.5\n",
        "\r\n" + HEADING.replace(",", ";") + "acme;Acme Ltd;business;49.5\n",
        HEADING.replace(",", "\t") + '"acme"\t"Acme Ltd"\t"business"\t"49.5"\n',
        'Plan,"Monthly Price",Customer ID,Company\nbusiness,49.5,acme,Acme Ltd\n',
        '"monthly, gross";tenantId;name;plan;monthlyPrice\n;acme;Acme Ltd;business;49.5\n',
    ],
)
def test_a_file_is_read_however_a_spreadsheet_writes_it(content):
    parsed = parse(content.encode())
    assert (parsed.customers, parsed.problems) == ([ACME], [])


def test_plan_and_price_may_be_missing_and_other_columns_are_left_out_and_named():
    parsed = parse(b"id,name,e-mail\n1,A,a@example.com\n02,B,\n")
    assert parsed.customers == [Customer("1", "A"), Customer("02", "B")]
    assert parsed.read_as == {"tenant": "id", "name": "name"}
    assert parsed.ignored == ["e-mail"]


def test_the_more_telling_heading_is_taken_and_the_other_one_named():
    parsed = parse(b"id,tenant_id,name\n1,acme,Acme\n")
    assert ([each.tenant for each in parsed.customers], parsed.ignored) == (["acme"], ["id"])


@pytest.mark.parametrize(
    "price",
    ["$49", "49,00 ", "1,234.50", "1.234,50", "49 USD", "-1", "+1", "1e3", "NaN", ".5", "5.", "\u0664\u0669", "1_0"],
)
def test_a_price_of_which_one_would_have_to_guess_is_refused(price):
    assert "monthly_price_usd is" in problem(f'acme,Acme,business,"{price}"')


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",Acme,,", "tenant is empty"),
        ("acme,  ,,", "name is empty"),
        ("acme,Acme", "it has 2 cells, and the heading 4"),
        ("acme,Acme,,1,", "it has 5 cells, and the heading 4"),
        ("(unknown),Acme,,", "tenant is (unknown), which stands for customers that are not known"),
        (f"{'a' * 201},Acme,,", "tenant has 201 characters, of which 200 are allowed"),
        (f"acme,{'a' * 5000},,", "name has 5,000 characters, of which 200 are allowed"),
        ("acme,\x1b[31mAcme,,", "name holds the character U+001B, which is no writing"),
        ("acme,Acme\x00,,", "name holds the character U+0000, which is no writing"),
        ("acme,Acme,\u202egold,", "plan holds the character U+202E, which is no writing"),
        ('acme,"Ac\nme",,', "name holds the character U+000A, which is no writing"),
    ],
)
def test_a_row_that_cannot_be_taken_as_it_stands_is_refused_with_the_reason(row, reason):
    assert problem(row) == reason


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "=HYPERLINK(1)",
        "O'Neil \u0026 Sons",
        "\u65e5\u672c",
        "\u05d0\u200f",
        "\U0001f468\u200d\U0001f469",
    ],
)
def test_a_name_of_any_writing_is_taken_as_it_stands(name):
    assert parse(f"{HEADING}acme,{name},,\n".encode()).customers[0].name == name


def test_an_id_stands_on_the_list_once_and_case_and_zeros_tell_ids_apart():
    parsed = parse(f"{HEADING}a,A,,\nA,A,,\n01,A,,\n1,A,,\na,B,,\n".encode())
    assert [each.tenant for each in parsed.customers] == ["a", "A", "01", "1"]
    assert parsed.problems == ["line 6: tenant 'a' stands on line 2 already"]


def test_a_line_is_that_on_which_the_row_begins():
    parsed = parse(f'{HEADING}\nacme,Acme,"two\nlines",\nb,B,,x\n'.encode())
    assert [each.split(":")[0] for each in parsed.problems] == ["line 3", "line 5"]


def test_a_quote_that_is_never_closed_is_told_with_the_line_where_it_opens():
    parsed = parse(f'{HEADING}a,A,,\nb,"B,,\nc,C,,\n'.encode())
    assert [each.tenant for each in parsed.customers] == ["a"]
    [found] = parsed.problems
    assert found.startswith("line 3: it cannot be read as CSV from here on")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf \n", "it is empty"),
        (HEADING.encode("utf-16"), "it is not UTF-8 but UTF-16"),
        (b"PK\x03\x04\x00\x00", "it is not UTF-8 but binary"),
        (HEADING.encode() + b"a,A,,\nb,M\xfcller,,\n", "line 3 is not UTF-8"),
        (b"acme,Acme,business,49\n", "line 1 has no heading for tenant"),
        (b"tenant,plan\nacme,free\n", "line 1 has no heading for name"),
        (b"tenant,name,Name\na,A,B\n", "line 1 has the heading 'name' twice"),
        (b'"tenant,name\na,A\n', "line 1: it cannot be read as CSV"),
        (b"a" * 200_000, "line 1: it cannot be read as CSV"),
    ],
)
def test_what_is_no_list_at_all_is_refused_with_the_reason(content, reason):
    with pytest.raises(CsvError) as refused:
        parse(content)
    assert str(refused.value).startswith(reason)


def test_a_hundred_thousand_customers_are_taken_and_one_more_is_not():
    rows = "".join(f"t-{number},Name {number},,{number}\n" for number in range(MOST_CUSTOMERS))
    assert len(parse((HEADING + rows).encode()).customers) == MOST_CUSTOMERS
    with pytest.raises(CsvError, match="more than 100,000 customers"):
        parse(f"{HEADING}{rows}one more,,,\none more,Name,,\n".encode())


def test_a_file_full_of_mistakes_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(csv_file, "MOST_PROBLEMS", 3)
    assert len(parse((HEADING + "x\n" * 10).encode()).problems) == 3


def test_a_file_that_is_too_large_is_not_read(monkeypatch):
    monkeypatch.setattr(csv_file, "MOST_BYTES", 10 << 20)
    with pytest.raises(CsvError, match="larger than 10 MB"):
        parse(b" " * ((10 << 20) + 1))


def test_the_file_of_a_list_is_the_same_whatever_order_it_came_in_and_gives_it_back():
    listed = [Customer("b", "B"), ACME, Customer("\u65e5", "\u672c", "free", 0.0)]
    assert encode(listed) == encode(reversed(listed))
    names = Names(encode(listed))
    assert names.all() == [ACME, Customer("b", "B"), Customer("\u65e5", "\u672c", "free", 0.0)]
    assert names.of(["b", "nobody", "b", ""]) == {"b": Customer("b", "B")}


def test_no_file_is_a_list_of_nobody_and_another_file_is_none():
    assert Names().all() == Names(encode([])).all() == []
    for file in (b"PAR1", b"{}", encode([ACME])[:-9]):
        with pytest.raises(pa.ArrowException):
            Names(file)


def test_changes_are_who_comes_who_changes_and_who_goes():
    gone, same, old = Customer("a", "A"), Customer("b", "B"), Customer("c", "C", "free")
    new, changed = Customer("d", "D"), Customer("c", "C", "business")
    found = changes([gone, same, old], [new, changed, same])
    assert (found.new, found.changed, found.gone) == ([new], [(old, changed)], [gone])
    assert not changes([same, old], [old, same])


WRITING = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cf"]), min_size=1, max_size=100
).map(lambda text: unicodedata.normalize("NFC", text).strip()).filter(bool)  # fmt: skip
LISTED = st.lists(
    st.builds(
        Customer,
        WRITING.filter(lambda each: each != "(unknown)"),
        WRITING,
        st.none() | WRITING,
        st.none() | st.integers(0, 10**12 - 1).map(lambda thousandths: thousandths / 1000),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda each: each.tenant,
)


@given(LISTED, st.sampled_from(",;\t"), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_what_a_csv_writer_writes_comes_back_as_it_was(listed, separator, end, mark):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, lineterminator=end)
    writer.writerow(["tenant", "name", "plan", "monthly_price_usd"])
    for each in listed:
        price = "" if each.monthly_price_usd is None else f"{each.monthly_price_usd:.3f}"
        writer.writerow([each.tenant, each.name, each.plan or "", price])
    parsed = parse(out.getvalue().encode("utf-8-sig" if mark else "utf-8"))
    assert parsed.problems == []
    assert parsed.customers == listed
    assert Names(encode(parsed.customers)).of(each.tenant for each in listed) == {each.tenant: each for each in listed}


@given(st.binary(max_size=300), st.sampled_from([b"", HEADING.encode(), b"tenant;name\n"]))
def test_whatever_a_file_holds_each_row_is_taken_or_told_and_nothing_else_happens(content, heading):
    try:
        parsed = parse(heading + content)
    except CsvError:
        return
    assert all(each.startswith("line ") for each in parsed.problems)
    tenants = [each.tenant for each in parsed.customers]
    assert len(set(tenants)) == len(tenants)
    assert all(each.name and each.tenant and "\n" not in each.name for each in parsed.customers)
    assert Names(encode(parsed.customers)).all() == sorted(parsed.customers, key=lambda each: each.tenant)
