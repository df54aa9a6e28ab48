// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "compute.h"

#include <string.h>
#include <time.h>

#include "account.h"
#include "hooks.h"
#include "telemetry.h"

/* Small launches are paid ahead by so much, so that most of them touch nothing shared. */
#define CREDIT_NS 250000ll
/* An event tells that so much estimated work has ended. */
#define FENCE_NS 1000000u
/* So much may be under way in a process; two launches may whatever they cost. Bounds how long giving back takes. */
#define WINDOW_NS 8000000u
/* Work that waits for a later launch of the same thread must not be waited for: after so long we let go. */
#define LET_GO_NS 250000000u
#define POLL_LEAST_NS 20000u
#define POLL_MOST_NS 500000u

struct cost_table compute_costs;
static int64_t credit[KERF_DEVICES_MAX];
static uint64_t unfenced[KERF_DEVICES_MAX];
uint64_t compute_uncounted;

void compute_sleep(uint64_t until_ns) {
  struct timespec until = {(time_t)(until_ns / 1000000000u), (long)(until_ns % 1000000000u)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

int compute_relax(void) {
  int mode = CU_CAPTURE_MODE_RELAXED;
  return DRIVER(cuThreadExchangeStreamCaptureMode)(&mode) == CUDA_SUCCESS ? mode : CU_CAPTURE_MODE_RELAXED;
}

void compute_restore(int mode) {
  if (mode != CU_CAPTURE_MODE_RELAXED) DRIVER(cuThreadExchangeStreamCaptureMode)(&mode);
}

/* With several devices all of a batch goes to the current one: of an unlimited slice it is no more than a hint. */
void compute_count(void) {
  CUcontext context;
  int index = account_current(&context);
  struct region *region = account_region();
  uint64_t count = __atomic_exchange_n(&compute_uncounted, 0, __ATOMIC_RELAXED);
  if (index >= 0 && region != NULL) __atomic_fetch_add(&region->devices[index].launches, count, __ATOMIC_RELAXED);
}

/* ---- waiting ---- */

static void note_wait(struct region_device *device, uint64_t waited_ns) {
  struct region *region = account_region();
  __atomic_fetch_add(&device->throttled_ns, waited_ns, __ATOMIC_RELAXED);
  if (region != NULL) telemetry_add(region->throttle_histogram, waited_ns, REGION_THROTTLE_BASE_NS);
}

static void end_probe(struct compute_launch *launch) {
  bucket_end_probe(launch->device, launch->lease);
  launch->lease = 0;
}

static bool is_small(const struct compute_launch *launch) { return (int64_t)launch->cost_ns < CREDIT_NS; }

static void ask(struct compute_launch *launch) {
  launch->cost_ns = cost_of(launch->key);
  launch->paid_ns = is_small(launch) ? (uint64_t)CREDIT_NS : launch->cost_ns;
  launch->place = bucket_ask(launch->device, launch->paid_ns);
}

/* Its cost has become known while it waited: it waits for a place of that size. */
static void ask_anew(struct compute_launch *launch) {
  bucket_give_back(launch->device, launch->paid_ns);
  launch->is_unknown = false;
  ask(launch);
}

static uint64_t hold_left(struct compute_launch *launch, uint64_t now) {
  if (!launch->is_unknown) return bucket_hold(launch->device, 0, launch->paid_ns, now);
  if (launch->lease == 0) launch->lease = bucket_probe(launch->device, now);
  return launch->lease == 0 ? BUCKET_HOLD_NS : bucket_hold(launch->device, launch->lease, launch->paid_ns, now);
}

/* Until the place is open. The rate is read anew at each look: it may have changed, or gone altogether. A lease is only
 * held while its work may start. */
static uint64_t wait_left(struct compute_launch *launch, uint64_t now) {
  const struct limits_page *page = limits_read();
  if (page == NULL || !bucket_is_limited(&page->devices[launch->index])) return 0;
  if (launch->is_unknown && cost_is_known(launch->key)) ask_anew(launch);
  uint32_t rate = bucket_rate(page, launch->index, now);
  bucket_refill(launch->device, rate, launch->paid_ns, now);
  uint64_t wait = bucket_wait(launch->device, launch->place, rate);
  if (wait == 0) return hold_left(launch, now);
  end_probe(launch);
  return wait;
}

static uint64_t wait_while(struct compute_launch *launch, uint64_t now) {
  for (uint64_t wait; (wait = wait_left(launch, now)) != 0; now = telemetry_now()) {
    __atomic_store_n(&launch->device->demand_ns, now, __ATOMIC_RELAXED);
    compute_sleep(now + (wait < BUCKET_LOOK_NS ? wait : BUCKET_LOOK_NS));
    compute_settle(launch->context);
  }
  return now;
}

/* The second look is for two who found the way free at the same moment, a prober and another: each has said by then that
 * he goes, so one of them sees it. */
static void wait_for_place(struct compute_launch *launch) {
  uint64_t start = telemetry_now();
  uint64_t now = wait_while(launch, start);
  bucket_launch(launch->device, launch->paid_ns, now);
  if (!launch->is_unknown) now = wait_while(launch, now);
  if (now > start) note_wait(launch->device, now - start);
  launch->waited_ns += now - start;
}

static bool take_credit(uint32_t index, int64_t cost_ns) {
  int64_t left = __atomic_load_n(&credit[index], __ATOMIC_RELAXED);
  while (left >= cost_ns)
    if (__atomic_compare_exchange_n(&credit[index], &left, left - cost_ns, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
      return true;
  return false;
}

static void pay(struct compute_launch *launch) {
  if (!launch->is_unknown && take_credit(launch->index, (int64_t)launch->cost_ns)) return;
  ask(launch);
  if (launch->kind != COMPUTE_TOGETHER) wait_for_place(launch);
  __atomic_fetch_add(&unfenced[launch->index], launch->paid_ns, __ATOMIC_RELAXED);
  if (launch->paid_ns > launch->cost_ns)
    __atomic_fetch_add(&credit[launch->index], (int64_t)(launch->paid_ns - launch->cost_ns), __ATOMIC_RELAXED);
}

/* Too much under way: a launch of its own is always let through, so that work whatever it costs goes on. */
static bool is_crowded(const struct compute_launch *launch) {
  uint32_t pending = compute_settle(launch->context);
  return pending >= 2 && compute_outstanding(launch->index) > WINDOW_NS;
}

static void wait_for_room(struct compute_launch *launch) {
  uint64_t start = telemetry_now();
  uint64_t now = start;
  for (uint64_t pause = POLL_LEAST_NS; is_crowded(launch) && now - start < LET_GO_NS; now = telemetry_now()) {
    compute_sleep(now + pause);
    pause = pause * 2 < POLL_MOST_NS ? pause * 2 : POLL_MOST_NS;
  }
  launch->waited_ns += now - start;
}

/* ---- before ---- */

/* Communication kernels wait on the device for other ranks, which may be waiting for a device that we would keep from
 * them. Their names are C++ symbols: "_Z42ncclDevKernel_AllReduce…". */
static bool is_collective(const char *name) {
  static const char *const STEMS[] = {"ncclDevKernel", "ncclKernel"};
  if (strncmp(name, "_Z", 2) == 0) {
    name += 2;
    while (*name >= '0' && *name <= '9') name++;
  }
  for (size_t i = 0; i < sizeof(STEMS) / sizeof(STEMS[0]); i++)
    if (strncmp(name, STEMS[i], strlen(STEMS[i])) == 0) return true;
  return false;
}

static void ask_name(struct cost_key *key, const struct cost_shape *shape) {
  const char *name = NULL;
  CUfunction function = (CUfunction)(uintptr_t)shape->function;
  key->flags |= COST_NAMED;
  if (shape->block[0] == UINT32_MAX) return;
  if (DRIVER(cuFuncGetName)(&name, function) != CUDA_SUCCESS && DRIVER(cuKernelGetName)(&name, function) != CUDA_SUCCESS)
    return;
  if (name != NULL && is_collective(name)) key->flags |= COST_FREE;
}

/* Where the driver cannot tell (before 10.0) nothing captures. The default stream answers with an error while another
 * stream is being captured: the launch will too, so we keep out. */
static bool is_capturing(CUstream stream) {
  int status = CU_STREAM_NOT_CAPTURING;
  CUresult result = DRIVER(cuStreamIsCapturing)(stream, &status);
  if (result == CUDA_SUCCESS) return status != CU_STREAM_NOT_CAPTURING;
  return result != CUDA_ERROR_NOT_SUPPORTED;
}

/* The last context seen and its device, as one word: 48 bits of address, 16 of index + 1. */
static uint64_t last_seen;

static int find_index(CUcontext *context) {
  if (DRIVER(cuCtxGetCurrent)(context) != CUDA_SUCCESS || *context == NULL) return -1;
  uint64_t address = (uint64_t)(uintptr_t)*context & REGION_USED_MASK;
  uint64_t seen = __atomic_load_n(&last_seen, __ATOMIC_RELAXED);
  if ((seen & REGION_USED_MASK) == address) return (int)(seen >> 48) - 1;
  int index = account_current(context);
  if (index >= 0) __atomic_store_n(&last_seen, address | (uint64_t)(index + 1) << 48, __ATOMIC_RELAXED);
  return index;
}

void compute_forget_context(CUcontext context) {
  __atomic_store_n(&last_seen, 0, __ATOMIC_RELAXED);
  compute_forget_spans(context);
}

static bool find_device(struct compute_launch *launch) {
  const struct limits_page *page = limits_read();
  int index = find_index(&launch->context);
  struct region *region = index >= 0 ? account_region() : NULL;
  if (page == NULL || region == NULL || (uint32_t)index >= page->device_count) return false;
  launch->index = (uint32_t)index;
  launch->device = &region->devices[index];
  return bucket_is_limited(&page->devices[index]);
}

/* Of launches that are measured: the dearest ones. */
static void note_own(uint64_t own_ns) {
  struct region *region = account_region();
  if (region != NULL) telemetry_add(region->launch_histogram, own_ns, REGION_HOOK_BASE_NS);
}

static void before_slowly(struct compute_launch *launch, const struct cost_shape *shape, uint32_t due) {
  uint64_t start = telemetry_now();
  int mode = compute_relax();
  launch->waited_ns = 0;
  if ((launch->key->flags & COST_NAMED) == 0) ask_name(launch->key, shape);
  if ((launch->key->flags & COST_FREE) != 0) launch->kind = COMPUTE_TOGETHER;
  if (launch->kind == COMPUTE_TOGETHER) compute_settle(launch->context);
  else wait_for_room(launch);
  launch->is_unknown = !cost_is_known(launch->key) && launch->kind != COMPUTE_TOGETHER &&
                       !cost_guess_by_function(&compute_costs, launch->key, shape);
  launch->cost_ns = cost_of(launch->key);
  pay(launch);
  __atomic_fetch_add(&launch->device->launches, due, __ATOMIC_RELAXED);
  if (due > 0) {
    launch->was_idle = DRIVER(cuStreamQuery)(launch->stream) == CUDA_SUCCESS;
    launch->span = compute_span_open(launch->context, launch->stream, true);
    launch->begun_ns = telemetry_now();
    note_own(launch->begun_ns - start - launch->waited_ns);
  }
  if (launch->span == NULL) end_probe(launch);
  compute_restore(mode);
}

void compute_before(struct compute_launch *launch, struct cost_shape *shape, CUstream stream, enum compute_kind kind) {
  launch->key = NULL;
  if (!find_device(launch) || is_capturing(stream)) return;
  launch->span = NULL;
  launch->was_idle = false;
  launch->lease = 0;
  launch->is_unknown = false;
  launch->function = shape->function;
  launch->stream = stream;
  launch->kind = kind;
  shape->device = launch->index;
  launch->key = cost_find(&compute_costs, shape);
  launch->cost_ns = cost_of(launch->key);
  uint32_t due = cost_due(launch->key);
  launch->is_paid_ahead =
      due == 0 && cost_is_known(launch->key) && take_credit(launch->index, (int64_t)launch->cost_ns);
  if (!launch->is_paid_ahead) before_slowly(launch, shape, due);
}

/* ---- after ---- */

static void refund(const struct compute_launch *launch) {
  bucket_end_probe(launch->device, launch->lease);
  if (launch->span != NULL) compute_span_drop(launch->span);
  if (is_small(launch))
    __atomic_fetch_add(&credit[launch->index], (int64_t)launch->cost_ns, __ATOMIC_RELAXED);
  else bucket_correct(launch->device, (int64_t)launch->cost_ns);
}

/* An event for every so much work, whoever's stream it is recorded on: over many the streams have their part. */
static void fence(struct compute_launch *launch) {
  uint64_t waiting = __atomic_load_n(&unfenced[launch->index], __ATOMIC_RELAXED);
  if (launch->span == NULL && waiting < FENCE_NS) return;
  int mode = compute_relax();
  if (launch->span == NULL) launch->span = compute_span_open(launch->context, launch->stream, false);
  if (launch->span != NULL) {
    launch->was_idle = launch->was_idle && compute_span_is_reached(launch->span);
    launch->fenced_ns = __atomic_exchange_n(&unfenced[launch->index], 0, __ATOMIC_RELAXED);
    compute_add_outstanding(launch->index, launch->fenced_ns);
    compute_span_close(launch);
  }
  compute_restore(mode);
}

CUresult compute_after(struct compute_launch *launch, CUresult result) {
  if (launch->key == NULL || (launch->is_paid_ahead && result == CUDA_SUCCESS)) return result;
  if (launch->span != NULL) launch->gap_ns = telemetry_now() - launch->begun_ns;
  if (result != CUDA_SUCCESS) refund(launch);
  else fence(launch);
  return result;
}

/* ---- graphs ---- */

/* No block has these sizes. */
void compute_shape_graph(struct cost_shape *shape, const void *graph) {
  *shape = (struct cost_shape){.function = graph, .block = {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
}

static struct cost_key *graph_key(const void *graph) {
  struct cost_shape shape;
  CUcontext context;
  int index = account_current(&context);
  compute_shape_graph(&shape, graph);
  shape.device = index >= 0 ? (uint32_t)index : 0;
  return cost_find(&compute_costs, &shape);
}

void compute_forget_graph(const void *graph) {
  if (compute_is_limited()) cost_forget(graph_key(graph));
}

void compute_doubt_graph(const void *graph) {
  if (compute_is_limited()) cost_doubt(graph_key(graph));
}
