"""Secret keys for tests, which nobody else may ever use."""

import base64

SECRET_KEY = base64.b64encode(b"the secret key that tests share.").decode()
OTHER_KEY = base64.b64encode(b"another secret key for the tests").decode()
