"""python -m services.syncer"""

import uvloop

from services.syncer.app import main

if __name__ == "__main__":
    uvloop.run(main())
