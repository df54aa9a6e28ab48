// SPDX-License-Identifier: Apache-2.0
// What both fake libraries know of the machine: its GPUs, and the memory every process holds on them.
//
//   DIR/gpus     the machine's GPUs as text (written by kerf-fake-gpus)
//   DIR/state    one shared file: a struct region in which every process of the machine has a slot, then its GPUs' time
//                (timeline.h)
//   DIR/faults   optional: "<uuid> <xid>" a line; one of 79 is lost. One whose device node goes is lost too
//   DIR/events   optional: "<uuid> xid <number>" or "<uuid> ecc 0" a line, appended; NVML tells it to sets made before
//   DIR/graphics optional: "<uuid> <pid>" a line; NVML lists such a process among those that draw. DIR/mps likewise
//   DIR/hang     optional: while it exists, NVML calls never return
//
// DIR is $KERF_FAKE_DIR, else /run/kerf-fake. A GPU is there for a process if its device node is: in
// $KERF_FAKE_DEV_DIR, else $KERF_FAKE_DIR/dev, else /dev — as a container sees only the nodes it was given. A MIG instance
// is there if its node in nvidia-caps is.
#ifndef KERF_FAKE_WORLD_H
#define KERF_FAKE_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "share.h"

#define FAKE_GPUS_MAX KERF_DEVICES_MAX
#define FAKE_TEXT_BYTES 96
#define FAKE_STATE_BYTES (8u << 20) /* kerf-fake-gpus makes it as long */

struct fake_gpu {
  uint32_t index; /* in DIR/gpus and in the state */
  uint32_t minor;
  char uuid[FAKE_TEXT_BYTES];
  char model[FAKE_TEXT_BYTES];
  char pci_bus_id[32];
  uint64_t memory_bytes;
  uint64_t context_bytes;
  uint64_t module_bytes;
  uint64_t pool_block_bytes; /* a pool grows by multiples of it */
  uint32_t sm_count;
  uint32_t max_threads_per_sm;
  uint32_t cc_major;
  uint32_t cc_minor;
  uint32_t pci_device_id;
  int32_t numa_node; /* -1 where there is none */
  int32_t pcie_switch; /* those of one number sit on one PCIe switch; -1 for none */
  uint32_t nvswitch_links; /* NVLinks that lead to switches */
  uint32_t nvlinks[FAKE_GPUS_MAX]; /* NVLinks that lead to the GPU of this index */
  bool is_mig;                     /* it is used through its instances alone */
  int32_t parent;                  /* of an instance: index of its GPU; -1 for a GPU */
  uint32_t slices;                 /* of an instance, of 7 */
  uint32_t gpu_instance;
  uint32_t cap; /* number of the instance's node in DIR/dev/nvidia-caps; its compute instance's is the next */
};

struct timeline_shared;

struct fake_world {
  struct fake_gpu all[FAKE_GPUS_MAX];
  uint32_t all_count;
  struct fake_gpu gpus[FAKE_GPUS_MAX]; /* as CUDA sees them: those whose device node this process has, instances for MIG ones */
  uint32_t count;
  char driver_version[32];
  int cuda_version;
  struct ledger ledger;
  struct timeline_shared *time;
};

/* Reads the machine; false where there is none. Once a process. */
bool world_open(struct fake_world *world);
/* Leaves and orders the devices as CUDA_VISIBLE_DEVICES says (visible.c); NVML shows all of them. */
void visible_choose(struct fake_world *world);
/* Takes a slot in the state, so that memory can be charged. */
bool world_join(struct fake_world *world);
bool world_charge(struct fake_world *world, uint32_t gpu, uint64_t bytes, uint32_t memory_class);
void world_refund(struct fake_world *world, uint32_t gpu, uint64_t bytes, uint32_t memory_class);
/* For memory that processes share: the ledger's shares, told by locks on DIR/gpus. `map` is the caller's. */
const struct share_desk *world_desk(struct fake_world *world, struct ptrmap *map);
/* Bytes held on the GPU by living processes. */
uint64_t world_used(const struct fake_world *world, uint32_t gpu);
/* Pid of a slot's owner as this process's namespace sees it; 0 where the owner is dead. */
uint32_t world_owner(const struct fake_world *world, uint32_t slot);
/* The Xid a device is marked with in DIR/faults; 0 where it is healthy. */
uint32_t world_fault(const struct fake_gpu *gpu);
bool world_hangs(void);
/* Whether this process has the GPU's device node now. */
bool world_has_node(const struct fake_gpu *gpu);
/* A file of DIR for reading; NULL where there is none. */
FILE *world_file(const char *name);

#endif
