"""What is too long for each run: `make test-long`."""

from tests.e2e.conftest import fleet

__all__ = ["fleet"]
