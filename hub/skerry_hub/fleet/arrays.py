"""The kinds of arrays that columns are made of and answer with: one element a row. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]
"""Numbers of rows."""
Mask = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]
"""Parts of a whole, 0 to 1."""
Numbers = npt.NDArray[np.intp]
"""Numbers by which something else is found."""
Seconds = npt.NDArray[np.float64]
