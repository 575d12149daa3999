"""What is shown in a request: Authorization: Bearer …"""

from domain.access import Unauthenticated


def token_of(authorization: str | None) -> str | None:
    """None where nothing was shown; what was shown has to be right."""
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated
    return token.strip()
