# SPDX-License-Identifier: Apache-2.0
"""nvml-ask.py: what NVIDIA's own Python binding says of device 0, while this process holds 512 MiB of it; one JSON line."""
import ctypes
import json
import os

import pynvml

cuda = ctypes.CDLL("libcuda.so.1")
context, pointer = ctypes.c_void_p(), ctypes.c_uint64()
assert cuda.cuInit(0) == 0
assert cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0) == 0
assert cuda.cuCtxSetCurrent(context) == 0
assert cuda.cuMemAlloc_v2(ctypes.byref(pointer), ctypes.c_size_t(512 << 20)) == 0

pynvml.nvmlInit()
device = pynvml.nvmlDeviceGetHandleByIndex(0)
plain = pynvml.nvmlDeviceGetMemoryInfo(device)
second = pynvml.nvmlDeviceGetMemoryInfo(device, version=pynvml.nvmlMemory_v2)
running = [(row.pid, row.usedGpuMemory) for row in pynvml.nvmlDeviceGetComputeRunningProcesses(device)]
print(
    json.dumps(
        {
            "count": pynvml.nvmlDeviceGetCount(),
            "total": plain.total,
            "used": plain.used,
            "total_v2": second.total,
            "used_v2": second.used + second.reserved,
            "mine": [used for pid, used in running if pid == os.getpid()],
            "others": len([pid for pid, _ in running if pid != os.getpid()]),
        }
    )
)
