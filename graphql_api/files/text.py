"""The text of a file of any size: decompressed, decoded, and read line by line."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from typing import cast

DEFAULT_ENCODING = "utf-8"

# The most characters of one line. A customer has 500.
MAX_LINE = 1_000_000

_GZIP = b"\x1f\x8b"

# What Python says of a file in UTF-16 that lacks the mark at its beginning.
_NO_MARK = "Stream does not start with BOM"

# What the decompression raises.
_DAMAGES = (EOFError, zlib.error, gzip.BadGzipFile)
_DAMAGED = "The compressed file is damaged, or its end is missing."

# A compressed file may have several parts. Without any text, this many bytes of parts take a third
# of a second.
_MOST_WITHOUT_TEXT = 300_000


class InvalidFile(Exception):
    """The file cannot be read to its end. The message is a sentence that says where, and why.

    `encoding` is the one that the file probably has; None if another encoding would not help.
    """

    def __init__(self, message: str, encoding: str | None = None) -> None:
        super().__init__(message)
        self.encoding = encoding


class Text:
    """The lines of a binary file, which may be compressed with gzip.

    Line breaks are not changed. A mark at the beginning (BOM) is not part of the text.
    """

    def __init__(
        self,
        source: io.BufferedReader,
        encoding: str = DEFAULT_ENCODING,
        max_bytes: int | None = None,
    ) -> None:
        """`max_bytes` are read at most, after they were decompressed.

        Raises `InvalidFile` if the text has another encoding, as its mark says.
        """
        self.encoding = encoding
        self.is_compressed = _peek(source).startswith(_GZIP)
        unpacked: io.BufferedReader | gzip.GzipFile = source
        compressed = None
        if self.is_compressed:
            compressed = _Compressed(source)
            unpacked = gzip.GzipFile(fileobj=cast(io.BufferedReader, compressed))
        self._bytes = _Counted(unpacked, compressed, max_bytes)
        is_utf8 = codecs.lookup(encoding).name == "utf-8"
        if is_utf8 and _peek(unpacked).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise InvalidFile("The file is UTF-16, as its first bytes say.", "utf-16")
        self._text = io.TextIOWrapper(  # type: ignore[type-var]  # it needs no name
            self._bytes, encoding="utf-8-sig" if is_utf8 else encoding, newline=""
        )

    def __iter__(self) -> Iterator[str]:
        """The lines with their line breaks. Raises `InvalidFile`."""
        number = 0
        while line := self._line():
            number += 1
            if len(line) == MAX_LINE:
                raise InvalidFile(f"Line {number:,} has more than {MAX_LINE:,} characters.")
            yield line

    def _line(self) -> str:
        try:
            return self._text.readline(MAX_LINE)
        except _DAMAGES:
            raise InvalidFile(_DAMAGED) from None
        except OSError as error:
            raise InvalidFile(f"The file cannot be read: {error.strerror}.") from None
        except UnicodeError as error:
            # Only since Python 3.13, a missing mark is an error at a place.
            if not isinstance(error, UnicodeDecodeError) or error.reason == _NO_MARK:
                raise InvalidFile(f"The file is not {self.encoding.upper()}.") from None
            # The decoder had these bytes at the end of all that were read.
            place = self._bytes.count - len(error.object) + error.start
            raise InvalidFile(
                f"Byte {place + 1:,} of the{' uncompressed' if self.is_compressed else ''} file is "
                f"not {self.encoding.upper()}: 0x{error.object[error.start]:02X}. If a spreadsheet "
                "for Western Europe saved the file, its encoding is cp1252.",
                "cp1252",
            ) from None


class _Compressed:
    """A compressed file. It must not consist of empty parts, of which each takes time."""

    def __init__(self, source: io.BufferedReader) -> None:
        self._source = source
        # The bytes that were read since there was some text.
        self.without_text = 0

    def read(self, size: int) -> bytes:
        """Reads on. Raises `InvalidFile` if there is no text for too long."""
        data = self._source.read(size)
        self.without_text += len(data)
        if self.without_text > _MOST_WITHOUT_TEXT:
            raise InvalidFile("The compressed file is damaged: it has very many empty parts.")
        return data


class _Counted(io.BufferedIOBase):
    """Counts the bytes that are read. Reads the bytes that a slow pipe has, without waiting."""

    def __init__(
        self,
        source: io.BufferedReader | gzip.GzipFile,
        compressed: "_Compressed | None",
        max_bytes: int | None,
    ) -> None:
        """`compressed` is the file that `source` decompresses, if it does."""
        self._source = source
        self._compressed = compressed
        self._max_bytes = max_bytes
        self.count = 0

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1, /) -> bytes:
        data = self._source.read1(size)
        self.count += len(data)
        if self._compressed is not None:
            self._compressed.without_text = 0
        if self._max_bytes is not None and self.count > self._max_bytes:
            raise InvalidFile(
                f"The file has more than {self._max_bytes:,} bytes after it is decompressed. "
                "Import it in parts."
            )
        return data


def _peek(source: io.BufferedReader | gzip.GzipFile) -> bytes:
    try:
        return source.peek(2)[:2]
    except _DAMAGES:
        raise InvalidFile(_DAMAGED) from None
