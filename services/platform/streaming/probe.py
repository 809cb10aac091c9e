"""Says whether the worker on this machine is ready, for a container's health check. Exit status: 0 it is, 1 it is not.

`python -m services.platform.streaming.probe PORT`
"""

import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

ANSWER_SECONDS = 4.0


def is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if is_ready(int(sys.argv[1])) else 1)
