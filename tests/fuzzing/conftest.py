from tests.live.conftest import prepared, server

__all__ = ["prepared", "server"]
