"""python -m services.history"""

import uvloop

from services.history.app import main

if __name__ == "__main__":
    uvloop.run(main())
