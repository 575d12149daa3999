"""Room for so many connections: counted, so that nobody takes all of it."""

from collections import Counter


class TooManyConnections(Exception):
    pass


class Places:
    def __init__(self, most: int, most_of_one_address: int) -> None:
        self._most = most
        self._most_of_one_address = most_of_one_address
        self._addresses: Counter[str] = Counter()
        self._taken = 0

    def __len__(self) -> int:
        return self._taken

    def take(self, address: str | None) -> None:
        """Raises TooManyConnections. Without an address it counts among all alone."""
        if self._taken >= self._most:
            raise TooManyConnections(f"there are {self._most} connections: try again later")
        if address is not None:
            if self._addresses[address] >= self._most_of_one_address:
                raise TooManyConnections(
                    f"your address has {self._most_of_one_address} connections: "
                    "that is all it may have"
                )
            self._addresses[address] += 1
        self._taken += 1

    def give_back(self, address: str | None) -> None:
        self._taken -= 1
        if address is not None:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]
