// SPDX-License-Identifier: Apache-2.0
// The bytes that native code and TypeScript share. This header is their only truth: tools/print-offsets.c
// prints it, test/wire compares it with src/wire/limits.ts and src/wire/region.ts.
//
//   limits page  one page, written by the node's agent, read-only for the container: what it may use
//   region       one file of fixed size, written by the container's processes: what they use
//
// Both are little-endian, fixed width, append-only (new fields take reserved bytes, the version tells), and
// devices keep the same index in both. Nobody outside the container believes the region: it is a tenant's word.
#ifndef KERF_REGION_H
#define KERF_REGION_H

#include <stddef.h>
#include <stdint.h>

#define KERF_DEVICES_MAX 16u
#define KERF_UUID_BYTES 48u
#define KERF_NAME_BYTES 64u
#define KERF_POD_NAME_BYTES 256u

/* "KRFL" and "KRFR" as they lie in the file. */
#define LIMITS_MAGIC 0x4c46524bu
#define LIMITS_VERSION 1u
#define LIMITS_BYTES 4096u

#define REGION_MAGIC 0x5246524bu
#define REGION_VERSION 1u
#define REGION_BYTES 299008u
#define REGION_SLOTS 256u
#define REGION_CLASSES 8u

/* A device's charge and a change counter share one word, so that one compare-and-swap sees every change:
 * low 48 bits are bytes, high 16 bits count the changes (see ledger_recount). */
#define REGION_USED_MASK 0x0000ffffffffffffull
#define REGION_TAG_ONE 0x0001000000000000ull

/* What memory was asked through. A row of used[] per device and process. */
enum region_class {
  REGION_CLASS_PLAIN = 0,   /* cuMemAlloc, cuMemAllocPitch */
  REGION_CLASS_MANAGED = 1, /* cuMemAllocManaged */
  REGION_CLASS_ASYNC = 2,   /* stream-ordered, pools */
  REGION_CLASS_VMM = 3,     /* cuMemCreate */
  REGION_CLASS_ARRAY = 4,   /* reserved: arrays, mipmaps */
  REGION_CLASS_IMPORT = 5,  /* reserved: IPC, external memory */
  REGION_CLASS_DRIVER = 6,  /* reserved: contexts, modules, heaps */
  REGION_CLASS_OTHER = 7,
};

enum region_state {
  REGION_SLOT_FREE = 0,
  REGION_SLOT_LIVE = 1,
  REGION_SLOT_REAPING = 2, /* somebody is giving a dead process's share back */
};

struct limits_device {
  char uuid[KERF_UUID_BYTES]; /* as the driver prints it, NUL-padded */
  uint64_t memory_limit_bytes;
  uint32_t core_permille; /* 1000 is the whole device; 0 is no compute limit */
  uint32_t flags;
  uint64_t reserved[4];
};

struct limits_page {
  uint32_t magic;
  uint32_t version;
  uint32_t size_bytes;
  uint32_t device_count;
  uint64_t epoch; /* grows with every change in place */
  uint64_t flags;
  char pod_uid[KERF_NAME_BYTES];
  char container[KERF_NAME_BYTES];
  char pod_namespace[KERF_NAME_BYTES];
  char pod_name[KERF_POD_NAME_BYTES];
  uint8_t reserved0[32];
  struct limits_device devices[KERF_DEVICES_MAX];
  uint8_t reserved1[2048];
};

struct region_device {
  uint64_t used_word; /* REGION_USED_MASK bytes + change counter */
  uint64_t peak_bytes;
  uint64_t refusals; /* requests answered with out-of-memory by us */
  uint64_t refused_bytes;
  uint64_t granted_ns;   /* reserved for the compute limit */
  uint64_t throttled_ns; /* reserved for the compute limit */
  uint64_t reserved[10];
};

struct region_slot {
  uint32_t pid; /* in the container's pid namespace; 0 is a free slot */
  uint32_t state;
  uint64_t start_ticks; /* field 22 of /proc/<pid>/stat: tells a reused pid */
  uint64_t generation;  /* grows with every owner */
  uint64_t inflight;    /* charges between the device's word and used[] */
  uint64_t pid_namespace; /* inode of the namespace that pid counts in; 0 while the slot is being taken */
  uint64_t reserved[3];
  uint64_t used[KERF_DEVICES_MAX][REGION_CLASSES];
  uint64_t reserved1[8];
};

struct region {
  uint32_t magic;
  uint32_t version;
  uint32_t size_bytes;
  uint32_t slot_count;
  uint32_t device_count;
  uint32_t class_count;
  uint64_t attached;   /* processes that ever took a slot */
  uint64_t reaper_pid; /* try-lock of whoever gives shares back: low half his pid, high half its namespace */
  uint64_t unknown_symbols;
  uint8_t reserved0[208];
  struct region_device devices[KERF_DEVICES_MAX];
  uint8_t reserved1[1792];
  struct region_slot slots[REGION_SLOTS];
};

_Static_assert(sizeof(struct limits_page) == LIMITS_BYTES, "limits page is one page");
_Static_assert(offsetof(struct limits_page, epoch) == 16, "limits epoch");
_Static_assert(offsetof(struct limits_page, pod_uid) == 32, "limits pod uid");
_Static_assert(offsetof(struct limits_page, devices) == 512, "limits devices");
_Static_assert(sizeof(struct limits_device) == 96, "limits device stride");
_Static_assert(offsetof(struct limits_device, memory_limit_bytes) == 48, "limits memory");
_Static_assert(sizeof(struct region) == REGION_BYTES, "region has a fixed size");
_Static_assert(offsetof(struct region, attached) == 24, "region attached");
_Static_assert(offsetof(struct region, devices) == 256, "region devices");
_Static_assert(sizeof(struct region_device) == 128, "region device stride");
_Static_assert(offsetof(struct region, slots) == 4096, "region slots");
_Static_assert(sizeof(struct region_slot) == 1152, "region slot stride");
_Static_assert(offsetof(struct region_slot, used) == 64, "region slot used");

#endif
