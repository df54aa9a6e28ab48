// SPDX-License-Identifier: Apache-2.0
// The bytes that native code and TypeScript share. This header is their only truth: tools/print-offsets.c
// prints it, test/wire compares it with src/wire/limits.ts and src/wire/region.ts.
//
//   limits page  one page, written by the node's agent, read-only for the container: what it may use
//   region       one file of fixed size, written by the container's processes: what they use
//
// Both are little-endian, fixed width, append-only (new fields take reserved bytes, the version tells), and
// devices keep the same index in both. Nobody outside the container believes the region: it is a tenant's word.
//
// The page changes in place under running processes: each field is one aligned store of its width, `epoch` grows last.
// Readers load every field anew (relaxed) at each decision; a decision may see half of a change, never half of a field.
// The agent keeps a running page's version: a field that version 1 does not know is a reserved byte to its readers.
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
#define LIMITS_VERSION 2u
#define LIMITS_VERSION_OLDEST 1u
#define LIMITS_BYTES 4096u

#define REGION_MAGIC 0x5246524bu
#define REGION_VERSION 2u
#define REGION_VERSION_OLDEST 1u
#define REGION_BYTES 299008u
#define REGION_SLOTS 256u
#define REGION_CLASSES 8u
#define REGION_BUCKETS 24u
#define REGION_HOOK_BASE_NS 16u      /* of alloc_histogram and launch_histogram */
#define REGION_THROTTLE_BASE_NS 1000u /* of throttle_histogram */

/* An arbiter who was not seen for so long is silent: shares are static then. */
#define LIMITS_BEAT_FRESH_NS 3000000000ull

/* A device's charge and a change counter share one word, so that one compare-and-swap sees every change:
 * low 48 bits are bytes, high 16 bits count the changes (see ledger_recount). */
#define REGION_USED_MASK 0x0000ffffffffffffull
#define REGION_TAG_ONE 0x0001000000000000ull

/* What memory was asked through. A row of used[] per device and process. */
enum region_class {
  REGION_CLASS_PLAIN = 0,   /* cuMemAlloc, cuMemAllocPitch */
  REGION_CLASS_MANAGED = 1, /* cuMemAllocManaged */
  REGION_CLASS_ASYNC = 2,   /* stream-ordered, pools, graph memory */
  REGION_CLASS_VMM = 3,     /* cuMemCreate, multicast */
  REGION_CLASS_ARRAY = 4,   /* arrays, mipmaps */
  REGION_CLASS_IMPORT = 5,  /* IPC, external memory, imported handles that outlive their exporter */
  REGION_CLASS_DRIVER = 6,  /* contexts, modules, heaps, what is left over */
  REGION_CLASS_OTHER = 7,   /* given to other processes, who still hold it, and let go by this one */
};

enum region_state {
  REGION_SLOT_FREE = 0,
  REGION_SLOT_LIVE = 1,
  REGION_SLOT_REAPING = 2, /* somebody is giving a dead process's share back */
};

enum limits_flag {
  LIMITS_CORES_SOFT = 1,    /* may borrow time that nobody else uses */
  LIMITS_PRIORITY_HIGH = 2, /* is served before the others */
};

struct limits_device {
  char uuid[KERF_UUID_BYTES];       /* as the driver prints it, NUL-padded */
  uint64_t memory_limit_bytes;      /* the ceiling */
  uint32_t core_permille;           /* guaranteed share; 0 and 1000 are no compute limit */
  uint32_t flags;                   /* enum limits_flag */
  uint64_t memory_guaranteed_bytes; /* 0: all of the ceiling is guaranteed */
  /* What the node's arbiter grants now. Believed only while arbiter_beat_ns is fresh (LIMITS_BEAT_FRESH_NS). */
  uint32_t rate_permille; /* 0: core_permille */
  uint32_t weight;        /* 0 reads as 1 */
  /* Where growth ends right now, between guaranteed and limit. Held whether the arbiter beats or not: his silence gives
   * nobody more. */
  uint64_t memory_now_bytes; /* 0: memory_limit_bytes */
  uint64_t reserved;
};

struct limits_page {
  uint32_t magic;
  uint32_t version;
  uint32_t size_bytes;
  uint32_t device_count;
  uint64_t epoch; /* grows with every change in place, last */
  uint64_t flags;
  char pod_uid[KERF_NAME_BYTES];
  char container[KERF_NAME_BYTES];
  char pod_namespace[KERF_NAME_BYTES];
  char pod_name[KERF_POD_NAME_BYTES];
  uint64_t arbiter_beat_ns; /* CLOCK_MONOTONIC of the arbiter's last look; 0: there is none */
  uint8_t reserved0[24];
  struct limits_device devices[KERF_DEVICES_MAX];
  uint8_t reserved1[2048];
};

struct region_device {
  uint64_t used_word; /* REGION_USED_MASK bytes + change counter */
  uint64_t peak_bytes;
  uint64_t refusals; /* requests answered with out-of-memory by us */
  uint64_t refused_bytes;
  uint64_t granted_ns;   /* device time handed out as tokens */
  uint64_t throttled_ns; /* time threads waited for tokens */
  int64_t tokens_ns;     /* the bucket; below zero is a debt */
  uint64_t refilled_ns;  /* CLOCK_MONOTONIC up to which it was filled */
  uint64_t turn_word;    /* places asked for so far, in ns of device time: the container's queue */
  uint64_t inflight_ns;  /* CLOCK_MONOTONIC at which the work under way should have ended */
  uint64_t busy_ns;      /* device time used, as measured */
  uint64_t demand_ns;    /* CLOCK_MONOTONIC of the last wait for tokens */
  uint64_t launches;
  int64_t opened_ns;   /* places of turn_word that may start; compute-bucket.h tells how the two work together */
  uint64_t counted_ns; /* CLOCK_MONOTONIC up to which device time was counted, where processes overlap */
  uint64_t probing_ns; /* lease on running work that nobody has measured yet (compute-bucket.h); 0: none */
};

struct region_slot {
  uint32_t pid; /* in the container's pid namespace; 0 is a free slot */
  uint32_t state;
  uint64_t start_ticks; /* field 22 of /proc/<pid>/stat: tells a reused pid */
  uint64_t generation;  /* grows with every owner */
  uint64_t inflight;    /* charges between the device's word and used[] */
  uint64_t pid_namespace; /* inode of the namespace that pid counts in; 0 while the slot is being taken */
  uint64_t shares;        /* memory ever given to other processes: 0 spares everybody a look */
  uint64_t reserved[2];
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
  /* How long things took. Bucket i counts what took less than base * 2^i and not less than half of that; bucket 0 all
   * below its base, the last one all that is longer. */
  uint64_t alloc_histogram[REGION_BUCKETS];    /* a hook's own time, without the driver's */
  uint64_t launch_histogram[REGION_BUCKETS];   /* the same */
  uint64_t throttle_histogram[REGION_BUCKETS]; /* waits for tokens */
  uint64_t driver_bytes_unknown; /* what the driver holds beyond every class, as last seen */
  uint64_t context_bytes[KERF_DEVICES_MAX]; /* what contexts on a device take, as first seen; 0: not yet */
  uint8_t reserved1[1080];
  struct region_slot slots[REGION_SLOTS];
};

#define KERF_AT(type, field, offset) _Static_assert(offsetof(struct type, field) == (offset), #type " " #field)
#define KERF_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type " has a fixed size")

KERF_SIZE(limits_page, LIMITS_BYTES);
KERF_AT(limits_page, epoch, 16);
KERF_AT(limits_page, pod_uid, 32);
KERF_AT(limits_page, arbiter_beat_ns, 480);
KERF_AT(limits_page, devices, 512);
KERF_SIZE(limits_device, 96);
KERF_AT(limits_device, memory_limit_bytes, 48);
KERF_AT(limits_device, core_permille, 56);
KERF_AT(limits_device, memory_guaranteed_bytes, 64);
KERF_AT(limits_device, rate_permille, 72);
KERF_AT(limits_device, weight, 76);
KERF_AT(limits_device, memory_now_bytes, 80);

KERF_SIZE(region, REGION_BYTES);
KERF_AT(region, attached, 24);
KERF_AT(region, devices, 256);
KERF_AT(region, alloc_histogram, 2304);
KERF_AT(region, throttle_histogram, 2688);
KERF_AT(region, driver_bytes_unknown, 2880);
KERF_AT(region, slots, 4096);
KERF_SIZE(region_device, 128);
KERF_AT(region_device, granted_ns, 32);
KERF_AT(region_device, tokens_ns, 48);
KERF_AT(region_device, turn_word, 64);
KERF_AT(region_device, launches, 96);
KERF_SIZE(region_slot, 1152);
KERF_AT(region_slot, used, 64);

#endif
