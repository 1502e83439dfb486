"""Runs a command and prints what it cost as JSON: seconds, CPU seconds, peak memory, its output.

    measure.py COMMAND [ARGUMENT...]

The kernel's own account of that one process (wait4), so ours and the reference are measured alike.
The command's errors stay on stderr, its exit code is ours.
"""

import json
import os
import subprocess
import sys
import time

start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True)
output = process.stdout.read()
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - start
process.returncode = os.waitstatus_to_exitcode(status)

# Linux counts ru_maxrss in KiB, macOS in bytes.
peak = usage.ru_maxrss / (1024 if sys.platform.startswith("linux") else 1024 * 1024)
report = {
    "seconds": seconds,
    "cpu_seconds": usage.ru_utime + usage.ru_stime,
    "peak_mib": peak,
    "stdout": output,
}
print(json.dumps(report))
# Ended by a signal is a failure like any other.
sys.exit(process.returncode if process.returncode >= 0 else 1)
