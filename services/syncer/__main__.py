"""python -m services.syncer"""

from services.syncer.app import main
from shared.http.app import run

if __name__ == "__main__":
    run(main)
