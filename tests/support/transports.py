"""A transport without a socket, for connections whose events a test gives in its own order."""


class Transport:
    """Notes what is done to it, and what it is given to send."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.unsent_bytes = 0

    @property
    def sent(self) -> bytes:
        return b"".join(each for each in self.done if isinstance(each, bytes))

    def get_extra_info(self, _name: str) -> None:
        """Knows nothing."""

    def set_protocol(self, protocol: object) -> None:
        self.protocol = protocol

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def is_closing(self) -> bool:
        return "close" in self.done

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def write_eof(self) -> None:
        self.done.append("end")

    def close(self) -> None:
        self.done.append("close")

    def abort(self) -> None:
        self.done.append("abort")

    def pause_reading(self) -> None:
        self.done.append("pause reading")

    def resume_reading(self) -> None:
        self.done.append("resume reading")
