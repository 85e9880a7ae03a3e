"""python -m services.mapper"""

from services.mapper.app import main
from shared.http.app import run

if __name__ == "__main__":
    run(main)
