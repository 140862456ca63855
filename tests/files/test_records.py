"""Records are read in bounded memory, and damage is named with its place."""

import gzip
import io
import itertools
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from graphql_api.files.records import Record, Records, next_records
from graphql_api.files.text import InvalidFile


def records(data: bytes | str, encoding: str = "utf-8", delimiter: str | None = None) -> Records:
    content = data.encode() if isinstance(data, str) else data
    return Records(io.BufferedReader(io.BytesIO(content)), encoding, delimiter)


def cells(data: bytes | str, encoding: str = "utf-8", delimiter: str | None = None) -> list[object]:
    return [record.cells for record in records(data, encoding, delimiter)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_most_frequent_one_of_the_header(delimiter: str) -> None:
    header = delimiter.join(['"a,;b;,|\t,"', "b", "c"])
    row = delimiter.join(["1", '"2,,,,;;;;||||\t"', "3"])

    read = records(f"{header}\n{row}\n")

    assert read.columns == ["a,;b;,|\t,", "b", "c"]
    assert read.delimiter == delimiter
    assert [record.cells for record in read] == [["1", "2,,,,;;;;||||\t", "3"]]


def test_a_named_delimiter_wins() -> None:
    read = records("a;b:c\n1:2\n", delimiter=":")

    assert read.columns == ["a;b", "c"]
    assert [record.cells for record in read] == [["1", "2"]]


@pytest.mark.parametrize("line", ["sep=:", "sep=:::"])
def test_a_line_for_excel_names_the_delimiter(line: str) -> None:
    read = records(f"{line}\r\na:b,c\r\n1:2\r\n")

    assert (read.columns, read.delimiter) == (["a", "b,c"], ":")
    assert list(read) == [Record(3, ["1", "2"], 5)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_have_the_number_of_their_first_line(end: str) -> None:
    lines = ["", " ", "a,b", "1,2", "", '"x', 'y",2', ",", "3,4"]

    read = list(records(end.join(lines)))

    assert read == [
        Record(4, ["1", "2"], 3 + len(end)),
        Record(6, [f"x{end}y", "2"], 6 + 2 * len(end)),
        Record(9, ["3", "4"], 3),
    ]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("1", "The row has 1 cell, and the header has 2."),
        ("1,2,3", "The row has 3 cells, and the header has 2."),
        ("1,\0", "The row has NUL characters: the file is damaged here."),
        ("1,2,,", None),
    ],
)
def test_a_ragged_or_damaged_row_is_a_record_with_a_fault(row: str, fault: str | None) -> None:
    read = list(records(f"a,b\n{row}\n3,4\n"))

    assert read == [Record(2, row.split(","), len(row) + 1, fault), Record(3, ["3", "4"], 4)]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("\ufeffa,b\né,2\n".encode(), "utf-8"),
        ("a,b\né,2\n".encode(), "UTF8"),
        ("a,b\né,2\n".encode("cp1252"), "cp1252"),
        ("a,b\né,2\n".encode("utf-16"), "utf-16"),
        (gzip.compress(b"a,b\n", mtime=0) + gzip.compress("é,2\n".encode(), mtime=0), "utf-8"),
    ],
)
def test_a_file_is_decompressed_and_decoded(data: bytes, encoding: str) -> None:
    read = records(data, encoding)

    assert read.columns == ["a", "b"]
    assert [record.cells for record in read] == [["é", "2"]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "The file is empty."),
        (b"\n \n", "The file is empty."),
        (b"sep=,\n", "The file has no columns."),
        (b"[{}]", "The file is a JSON array. Write one JSON object on each line."),
        (
            b"a,b\n" + b"1,2\n" * 5000 + b"1,\xe9\n",
            "Byte 20,007 of the file is not UTF-8: 0xE9. If a spreadsheet for Western Europe saved "
            "the file, its encoding is cp1252.",
        ),
        (
            gzip.compress(b"a,b\n1,\xe9\n", mtime=0),
            "Byte 7 of the uncompressed file is not UTF-8: 0xE9. If a spreadsheet",
        ),
        ("a,b\n".encode("utf-16"), "The file is UTF-16, as its first bytes say."),
        ("a,b\n".encode("utf-16-le"), "Line 1 has NUL characters. The file is damaged, or its "),
        (
            gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9],
            "The compressed file is damaged, or its end is miss",
        ),
        (
            # Each empty part takes time. Python 3.13 reads 128 KiB of the file at once.
            gzip.compress(b"a,b\n", mtime=0) + gzip.compress(b"", mtime=0) * 25_000,
            "The compressed file is damaged: it has very many empty parts.",
        ),
        (b"\x1f\x8b\x08", "The compressed file is damaged, or its end is missing."),
        (b"\x1f\x8bno", "The compressed file is damaged, or its end is missing."),
        (b'a,b\n1,2\n3,"4\n5,6\n', "The row that begins on line 3 has a quote that never closes"),
        (b'a,b\n"1"2,3\n', "The row on line 2 has a character after a closing quote."),
        (b'a,b\n3,"4' + b"\n5,6" * 50_000, "The row that begins on line 2 has a quote that never"),
        (b"a,b\n" + b'3,"4\n",' * 200_000, "The row that begins on line 2 has a quote that never"),
        (b"a,b\n" + b"x" * 1_000_001, "Line 2 has more than 1,000,000 characters."),
        (b"a," * 100_000, "The file has 100,001 columns, and 1,000 are allowed."),
    ],
)
def test_a_file_that_cannot_be_read_to_its_end_is_refused_with_the_place(
    data: bytes, message: str
) -> None:
    with pytest.raises(InvalidFile) as refused:
        list(records(data))

    assert str(refused.value).startswith(message)


def test_a_file_that_lacks_a_half_of_its_last_character_is_refused() -> None:
    with pytest.raises(InvalidFile) as refused:
        list(records("a\nb".encode("utf-16-be") + b"\0", "utf-16-be"))

    assert str(refused.value).startswith("Byte 7 of the file is not UTF-16-BE: 0x00.")


def test_a_file_that_lacks_the_mark_of_its_encoding_is_refused() -> None:
    with pytest.raises(InvalidFile, match=r"The file is not UTF-16\."):
        list(records("a,b\n".encode("utf-16-be"), "utf-16"))


def test_objects_are_read_from_their_lines() -> None:
    lines = ['{"a": 1}', "", '{"b": "é", "a": null}', "[1]", "{", "[" * 100_000, "1" * 5000]

    read = records("\n".join(lines))

    assert read.columns is None
    assert read.delimiter is None
    assert list(read) == [
        Record(1, {"a": 1}, 9),
        Record(3, {"b": "é", "a": None}, 22),
        *(
            Record(number, {"text": line}, size, "The line is not a JSON object.")
            for number, line, size in zip(
                (4, 5, 6, 7), lines[3:], (4, 2, 100_001, 5000), strict=True
            )
        ),
    ]


class Endless(io.RawIOBase):
    """A file without an end."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = next(self._chunks, b"")
        buffer[: len(chunk)] = chunk
        return len(chunk)


def test_a_file_that_the_operating_system_cannot_read_further_is_refused() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"a,b\n"
        raise OSError(5, "Input/output error")

    with pytest.raises(InvalidFile, match=r"^The file cannot be read: Input/output error\.$"):
        list(Records(io.BufferedReader(Endless(chunks()))))


@pytest.mark.parametrize(
    ("header", "chunk"),
    [
        (b"a,b\n", b"x" * 8192),
        (b"a,b\n", b'"' + b"x,\n" * 2000),
        (b'{"a": 1}\n', b"x" * 8192),
        (b"", b"a," * 4096),
    ],
)
def test_a_line_or_a_cell_of_a_gigabyte_takes_little_memory(header: bytes, chunk: bytes) -> None:
    file = io.BufferedReader(Endless(itertools.chain([header], itertools.repeat(chunk))))
    tracemalloc.start()

    with pytest.raises(InvalidFile):
        list(Records(file))  # type: ignore[arg-type]  # only its bytes are read

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60_000_000


def test_a_bomb_of_gzip_takes_little_memory() -> None:
    bomb = gzip.compress(b"a,b\n" + (b"1," + b"x" * 9_998 + b"\n") * 3_000)
    tracemalloc.start()

    rows = sum(1 for _ in records(bomb))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 3_000
    assert peak < 3_000_000


def test_json_is_recognised_by_its_first_character() -> None:
    assert cells(json.dumps({"a,b": 1})) == [{"a,b": 1}]


def test_few_long_records_are_in_memory_together() -> None:
    read = iter(records("a\n" + f"{'x' * 100_000}\n" * 60))

    together = [len(list(next_records(read, 55))) for _ in range(3)]

    assert together == [50, 10, 0]
    assert len(list(next_records(iter(records("a\n" + "x\n" * 60)), 55))) == 55
