"""The security service: counts faces in the cameras' pictures and announces them.

What bounds the native libraries is read once, when they are first imported, and so stands here, before any of them.
"""

import os

from seccam import jpeg

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
for _name, _limit in (("WIDTH", jpeg.MAX_SIDE), ("HEIGHT", jpeg.MAX_SIDE), ("PIXELS", jpeg.MAX_SIDE**2)):
    os.environ.setdefault(f"OPENCV_IO_MAX_IMAGE_{_name}", str(_limit))
