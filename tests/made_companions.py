"""Made files that lie beside videos as BDD100K's do."""

import json
from pathlib import Path
from typing import Any

START_MS = 1503833985934


def info(**changes: Any) -> dict[str, Any]:
    """The content of an info file of a drive of 40 s at 10 m/s, as the dataset ships it; `changes` replace keys."""
    times = [START_MS + 1000 * second for second in range(41)]
    locations = [
        {
            **{"timestamp": at, "latitude": 40.67684 + 1e-4 * index, "longitude": -73.8353},
            **{"speed": 10.0 if index else -1.0, "course": 90.5, "accuracy": 5.0},
        }
        for index, at in enumerate(times)
    ]
    gps = [
        {
            **{"timestamp": at, "latitude": 40.6, "longitude": -73.8, "altitude": 12.5, "speed": 9.0},
            **{"vertical accuracy": 4.0, "horizontal accuracy": 10.0},
        }
        for at in times
    ]
    turns = [{"timestamp": at, "x": 0.3, "y": -0.4, "z": 0.0} for at in times]
    content = {
        **{"rideID": "d4ca5d4ae0b4a3dbd6c8a2f5c1a5d4b3", "id": "0000f77c62c2a288d23daa8dd1d2f2ab"},
        **{"startTime": START_MS, "endTime": times[-1], "timelapse": False, "filename": "2FDB0C9D.mov"},
        **{"locations": locations, "gps": gps, "gyro": turns, "accelerometer": turns},
    }
    return {key: value for key, value in {**content, **changes}.items() if value is not ...}


def write_info(path: Path, **changes: Any) -> Path:
    """Write an info file; a key whose value is `...` is left out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(info(**changes)), encoding="utf-8")
    return path
