"""python -m services.gateway"""

import uvloop

from services.gateway.app import main

if __name__ == "__main__":
    uvloop.run(main())
