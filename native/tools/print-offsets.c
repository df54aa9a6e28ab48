// SPDX-License-Identifier: Apache-2.0
// Prints the layout of region.h as one JSON object, for the test that holds TypeScript to it.
#include <stdio.h>

#include "region.h"

#define FIELD(type, name) printf("    \"%s\": %zu,\n", #name, offsetof(struct type, name))
#define LAST(type, name) printf("    \"%s\": %zu\n", #name, offsetof(struct type, name))

static void print_constants(void) {
  printf("  \"constants\": {\n");
  printf("    \"limitsMagic\": %u,\n    \"limitsVersion\": %u,\n", LIMITS_MAGIC, LIMITS_VERSION);
  printf("    \"limitsBytes\": %zu,\n    \"limitsDeviceBytes\": %zu,\n", sizeof(struct limits_page),
         sizeof(struct limits_device));
  printf("    \"limitsBeatFreshNs\": %llu,\n", LIMITS_BEAT_FRESH_NS);
  printf("    \"coresSoft\": %u,\n    \"priorityHigh\": %u,\n", LIMITS_CORES_SOFT, LIMITS_PRIORITY_HIGH);
  printf("    \"regionMagic\": %u,\n    \"regionVersion\": %u,\n", REGION_MAGIC, REGION_VERSION);
  printf("    \"regionBytes\": %zu,\n    \"regionDeviceBytes\": %zu,\n    \"regionSlotBytes\": %zu,\n",
         sizeof(struct region), sizeof(struct region_device), sizeof(struct region_slot));
  printf("    \"devicesMax\": %u,\n    \"slots\": %u,\n    \"classes\": %u,\n    \"buckets\": %u,\n",
         KERF_DEVICES_MAX, REGION_SLOTS, REGION_CLASSES, REGION_BUCKETS);
  printf("    \"hookBaseNs\": %u,\n    \"throttleBaseNs\": %u,\n", REGION_HOOK_BASE_NS, REGION_THROTTLE_BASE_NS);
  printf("    \"uuidBytes\": %u,\n    \"nameBytes\": %u,\n    \"podNameBytes\": %u\n  },\n", KERF_UUID_BYTES,
         KERF_NAME_BYTES, KERF_POD_NAME_BYTES);
}

static void print_limits(void) {
  printf("  \"limits\": {\n");
  FIELD(limits_page, magic), FIELD(limits_page, version), FIELD(limits_page, size_bytes);
  FIELD(limits_page, device_count), FIELD(limits_page, epoch), FIELD(limits_page, flags);
  FIELD(limits_page, pod_uid), FIELD(limits_page, container), FIELD(limits_page, pod_namespace);
  FIELD(limits_page, pod_name), FIELD(limits_page, arbiter_beat_ns), LAST(limits_page, devices);
  printf("  },\n  \"limitsDevice\": {\n");
  FIELD(limits_device, uuid), FIELD(limits_device, memory_limit_bytes), FIELD(limits_device, core_permille);
  FIELD(limits_device, flags), FIELD(limits_device, memory_guaranteed_bytes), FIELD(limits_device, rate_permille);
  FIELD(limits_device, weight), LAST(limits_device, memory_now_bytes);
  printf("  },\n");
}

static void print_region(void) {
  printf("  \"region\": {\n");
  FIELD(region, magic), FIELD(region, version), FIELD(region, size_bytes), FIELD(region, slot_count);
  FIELD(region, device_count), FIELD(region, class_count), FIELD(region, attached), FIELD(region, reaper_pid);
  FIELD(region, unknown_symbols), FIELD(region, devices), FIELD(region, alloc_histogram);
  FIELD(region, launch_histogram), FIELD(region, throttle_histogram), FIELD(region, driver_bytes_unknown);
  LAST(region, slots);
  printf("  },\n  \"regionDevice\": {\n");
  FIELD(region_device, used_word), FIELD(region_device, peak_bytes), FIELD(region_device, refusals);
  FIELD(region_device, refused_bytes), FIELD(region_device, granted_ns), FIELD(region_device, throttled_ns);
  FIELD(region_device, tokens_ns), FIELD(region_device, refilled_ns), FIELD(region_device, turn_word);
  FIELD(region_device, inflight_ns), FIELD(region_device, busy_ns), FIELD(region_device, demand_ns);
  LAST(region_device, launches);
  printf("  },\n  \"regionSlot\": {\n");
  FIELD(region_slot, pid), FIELD(region_slot, state), FIELD(region_slot, start_ticks);
  FIELD(region_slot, generation), FIELD(region_slot, inflight), FIELD(region_slot, pid_namespace);
  LAST(region_slot, used);
  printf("  }\n");
}

int main(void) {
  printf("{\n");
  print_constants();
  print_limits();
  print_region();
  printf("}\n");
  return 0;
}
