"""python -m services.history"""

from services.history.app import main
from shared.http.app import run

if __name__ == "__main__":
    run(main)
