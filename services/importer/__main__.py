"""python -m services.importer"""

import uvloop

from services.importer.app import main

if __name__ == "__main__":
    uvloop.run(main())
