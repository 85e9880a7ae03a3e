"""python -m services.importer"""

from services.importer.app import main
from shared.http.app import run

if __name__ == "__main__":
    run(main)
