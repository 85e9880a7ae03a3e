"""python -m services.mapper"""

import uvloop

from services.mapper.app import main

if __name__ == "__main__":
    uvloop.run(main())
