"""The security service: counts faces in the cameras' security frames and reports them.

The native libraries read their limits from the environment when they are first imported, so these are set here.
"""

import os

from seccam import jpeg

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
for _name, _limit in (("WIDTH", jpeg.MAX_SIDE), ("HEIGHT", jpeg.MAX_SIDE), ("PIXELS", jpeg.MAX_SIDE**2)):
    os.environ.setdefault(f"OPENCV_IO_MAX_IMAGE_{_name}", str(_limit))
