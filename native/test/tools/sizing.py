# SPDX-License-Identifier: Apache-2.0
"""sizing.py RULE: takes memory of device 0 at once, as a framework that sizes itself by what it is told does.

    xla     JAX: three quarters of the device's total, in one piece
    tf      TensorFlow: all that is free but a reserve (5 % of it, 300 MiB at least; 225 MiB where less than 2 GiB is free)
    vllm    nine tenths of the total, less what is used already; in blocks of 2 MiB beside weights of a third
    torch   no rule: grows by 20 MiB until it is refused, gives half back, and grows again

Prints {"total":…,"free":…,"taken":…,"refused":…} in bytes and numbers of calls.
"""
import ctypes
import json
import sys

MIB = 1 << 20
OUT_OF_MEMORY = 2
cuda = ctypes.CDLL("libcuda.so.1")


def call(name, *args):
    code = getattr(cuda, name)(*args)
    if code not in (0, OUT_OF_MEMORY):
        raise SystemExit(f"{name}: {code}")
    return code == 0


class Memory:
    def __init__(self):
        self.held, self.taken, self.refused = [], 0, 0

    def take(self, size):
        pointer = ctypes.c_uint64()
        if not call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(size)):
            self.refused += 1
            return False
        self.held.append((pointer, size))
        self.taken += size
        return True

    def give(self):
        pointer, size = self.held.pop()
        call("cuMemFree_v2", pointer)
        self.taken -= size


def told():
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
    return free.value, total.value


def begin():
    context, device_total = ctypes.c_void_p(), ctypes.c_size_t()
    call("cuInit", 0)
    call("cuDeviceTotalMem_v2", ctypes.byref(device_total), 0)
    call("cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)
    call("cuCtxSetCurrent", context)
    return device_total.value


def xla(memory, free, total):
    memory.take(total * 3 // 4)


def tf(memory, free, total):
    memory.take(free - (225 * MIB if free < 2048 * MIB else max(300 * MIB, free // 20)))


def vllm(memory, free, total):
    budget = total * 9 // 10 - (total - free)
    memory.take(budget // 3)
    while memory.taken + 2 * MIB <= budget:
        memory.take(2 * MIB)


def torch(memory, free, total):
    for _ in range(2):
        while memory.take(20 * MIB):
            pass
        for _ in range(len(memory.held) // 2):
            memory.give()


RULES = {"xla": xla, "tf": tf, "vllm": vllm, "torch": torch}
device_total = begin()
free, total = told()
memory = Memory()
RULES[sys.argv[1]](memory, free, total)
print(json.dumps({"device": device_total, "total": total, "free": free, "taken": memory.taken, "refused": memory.refused}))
