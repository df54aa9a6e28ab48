// SPDX-License-Identifier: Apache-2.0
// The bucket of device time and what it learns of costs, with a clock and a device that are numbers.
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compute-bucket.h"
#include "compute-cost.h"
#include "test.h"

#define MS 1000000ull
#define SECOND 1000000000ull

static struct limits_page page;
static struct region_device device;

static void grant(uint32_t permille, uint32_t flags) {
  memset(&page, 0, sizeof(page));
  memset(&device, 0, sizeof(device));
  page.version = LIMITS_VERSION;
  page.device_count = 1;
  page.devices[0].core_permille = permille;
  page.devices[0].flags = flags;
}

/* Waits for a place on the clock `now`, as a hook does. */
static void wait_for(uint64_t place, uint64_t cost_ns, uint64_t *now) {
  for (;;) {
    uint32_t rate = bucket_rate(&page, 0, *now);
    bucket_refill(&device, rate, cost_ns, *now);
    uint64_t wait = bucket_wait(&device, place, rate);
    if (wait == 0) return;
    *now += wait < BUCKET_LOOK_NS ? wait : BUCKET_LOOK_NS;
  }
}

/* Device time given out in a second after the first, to a program that always wants more. */
static uint64_t given_in_a_second(uint64_t cost_ns) {
  uint64_t now = 5 * SECOND, given = 0;
  bucket_refill(&device, bucket_rate(&page, 0, now), cost_ns, now);
  while (now < 7 * SECOND) {
    wait_for(bucket_ask(&device, cost_ns), cost_ns, &now);
    if (now >= 6 * SECOND && now < 7 * SECOND) given += cost_ns;
  }
  return given;
}

static void a_share_is_given_whatever_a_launch_costs(void) {
  static const uint64_t COSTS[] = {10000, 200000, 2 * MS, 50 * MS};
  for (uint32_t permille = 100; permille < 1000; permille += 100)
    for (int i = 0; i < 4; i++) {
      grant(permille, 0);
      uint64_t given = given_in_a_second(COSTS[i]);
      CLAIM(given <= permille * MS + COSTS[i] && given + COSTS[i] + MS / 10 >= permille * MS);
    }
}

static void idle_time_is_saved_up_to_the_bucket_and_no_further(void) {
  grant(500, 0);
  bucket_refill(&device, 500, 1000, SECOND);
  bucket_refill(&device, 500, 1000, 3600 * SECOND);
  CLAIM(bucket_tokens(&device) == (int64_t)(BUCKET_DEPTH_NS / 2));
  bucket_refill(&device, 500, 50 * MS, 3601 * SECOND);
  CLAIM(bucket_tokens(&device) == (int64_t)(50 * MS));
}

static void looking_often_loses_no_time(void) {
  grant(300, 0);
  bucket_ask(&device, SECOND);
  for (uint64_t now = SECOND; now <= SECOND + 3 * MS; now++) bucket_refill(&device, 300, 1000, now);
  CLAIM(device.opened_ns <= (int64_t)(900000) && device.opened_ns > 898000);
}

static void a_long_kernel_starts_at_once_and_is_paid_off_after(void) {
  grant(100, 0);
  uint64_t now = SECOND;
  bucket_refill(&device, 100, 10 * SECOND, now);
  wait_for(bucket_ask(&device, 10 * SECOND), 10 * SECOND, &now);
  CLAIM(now == SECOND);
  wait_for(bucket_ask(&device, 1000), 1000, &now);
  CLAIM(now >= 101 * SECOND && now < 101 * SECOND + 20 * MS);
}

static void places_are_served_in_the_order_of_asking(void) {
  grant(500, 0);
  uint64_t now = SECOND;
  bucket_refill(&device, 500, MS, now);
  uint64_t first = bucket_ask(&device, 4 * MS), second = bucket_ask(&device, MS), third = bucket_ask(&device, MS);
  CLAIM(bucket_wait(&device, first, 500) == 0);
  CLAIM(bucket_wait(&device, second, 500) < bucket_wait(&device, third, 500));
  wait_for(second, MS, &now);
  CLAIM(now - SECOND >= 8 * MS && now - SECOND < 9 * MS);
  CLAIM(bucket_wait(&device, third, 500) > 0);
}

/* Ten processes wait and are killed; what they had asked for is lost, and the queue goes on. */
static void who_dies_in_the_queue_blocks_nobody(void) {
  grant(500, 0);
  struct region_device *shared =
      mmap(NULL, sizeof(device), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  bucket_refill(shared, 500, MS, SECOND);
  for (int i = 0; i < 10; i++) {
    pid_t child = fork();
    if (child == 0) {
      bucket_ask(shared, MS);
      kill(getpid(), SIGKILL);
    }
    waitpid(child, NULL, 0);
  }
  uint64_t place = bucket_ask(shared, MS);
  bucket_refill(shared, 500, MS, SECOND + 19 * MS);
  CLAIM(bucket_wait(shared, place, 500) > 0);
  bucket_refill(shared, 500, MS, SECOND + 21 * MS);
  CLAIM(bucket_wait(shared, place, 500) == 0);
  munmap(shared, sizeof(device));
}

static void a_new_rate_is_followed_by_those_who_wait(void) {
  grant(10, 0);
  uint64_t now = SECOND;
  bucket_refill(&device, 10, MS, now);
  bucket_ask(&device, 9 * MS);
  uint64_t place = bucket_ask(&device, MS);
  CLAIM(bucket_wait(&device, place, 10) > 800 * MS);
  page.devices[0].core_permille = 900;
  wait_for(place, MS, &now);
  CLAIM(now - SECOND <= 10 * MS + BUCKET_LOOK_NS);
}

static void what_was_paid_too_much_moves_everybody_up(void) {
  grant(500, 0);
  bucket_refill(&device, 500, MS, SECOND);
  bucket_ask(&device, 10 * MS);
  uint64_t place = bucket_ask(&device, MS);
  bucket_correct(&device, 9 * (int64_t)MS);
  CLAIM(bucket_wait(&device, place, 500) == 2 * MS + 1000);
  bucket_correct(&device, -9 * (int64_t)MS);
  CLAIM(bucket_wait(&device, place, 500) == 20 * MS + 1000);
  bucket_give_back(&device, 10 * MS);
  CLAIM(bucket_wait(&device, place, 500) == 0);
}

static void rates_come_from_the_arbiter_while_he_is_heard(void) {
  static const struct {
    uint32_t share, flags, granted, rate;
    uint64_t age_ns;
  } ROWS[] = {
      {300, 0, 0, 300, 0},
      {300, 0, 200, 200, MS},
      {300, 0, 900, 300, MS}, /* hard: a cap that nobody lifts */
      {300, LIMITS_CORES_SOFT, 900, 900, MS},
      {300, LIMITS_CORES_SOFT, 5000, 1000, MS},
      {300, LIMITS_CORES_SOFT, 900, 900, LIMITS_BEAT_FRESH_NS},
      {300, LIMITS_CORES_SOFT, 900, 300, LIMITS_BEAT_FRESH_NS + 1},
      {300, LIMITS_CORES_SOFT, 0, 300, MS},
  };
  for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
    grant(ROWS[i].share, ROWS[i].flags);
    page.devices[0].rate_permille = ROWS[i].granted;
    page.arbiter_beat_ns = 10 * SECOND;
    CLAIM(bucket_rate(&page, 0, 10 * SECOND + ROWS[i].age_ns) == ROWS[i].rate);
    page.version = 1;
    CLAIM(bucket_rate(&page, 0, 10 * SECOND + ROWS[i].age_ns) == ROWS[i].share);
  }
  CLAIM(!bucket_is_limited(&(struct limits_device){.core_permille = 0}));
  CLAIM(!bucket_is_limited(&(struct limits_device){.core_permille = 1000}));
  CLAIM(bucket_is_limited(&(struct limits_device){.core_permille = 1}));
  CLAIM(bucket_is_limited(&(struct limits_device){.core_permille = 999}));
}

/* The region is the tenant's to scribble on: whatever it holds, nothing is undefined and time goes on. */
static void a_scribbled_bucket_comes_to_no_end(void) {
  uint64_t seed = 88172645463325252ull;
  for (int i = 0; i < 20000; i++) {
    uint64_t *words = (uint64_t *)&device;
    for (size_t j = 0; j < sizeof(device) / 8; j++) {
      seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
      words[j] = seed;
    }
    uint64_t place = bucket_ask(&device, seed);
    bucket_refill(&device, 300, seed >> 3, 5 * SECOND);
    bucket_refill(&device, 300, seed >> 3, 6 * SECOND);
    (void)bucket_wait(&device, place, 300);
    (void)bucket_count_once(&device, seed % (5 * SECOND), 5 * SECOND);
    uint64_t lease = bucket_probe(&device, 5 * SECOND);
    CLAIM(bucket_hold(&device, lease, 2 * MS, 5 * SECOND) <= BUCKET_LOOK_NS);
    bucket_end_probe(&device, lease);
  }
}

static void a_clock_of_another_boot_starts_anew(void) {
  grant(500, 0);
  device.refilled_ns = 900000 * SECOND;
  bucket_refill(&device, 500, MS, 5 * SECOND);
  CLAIM(device.refilled_ns == 5 * SECOND && bucket_tokens(&device) == 0);
  bucket_refill(&device, 500, MS, 5 * SECOND + MS);
  CLAIM(bucket_tokens(&device) == (int64_t)MS / 2);
}

static void overlapping_time_is_counted_once(void) {
  grant(500, 0);
  CLAIM(bucket_count_once(&device, 100 * MS, 200 * MS) == 100 * MS);
  CLAIM(bucket_count_once(&device, 150 * MS, 260 * MS) == 60 * MS);
  CLAIM(bucket_count_once(&device, 150 * MS, 250 * MS) == 0);
}

static void one_probe_runs_at_a_time_and_long_work_keeps_out(void) {
  grant(500, 0);
  uint64_t lease = bucket_probe(&device, SECOND);
  CLAIM(lease != 0 && bucket_probe(&device, SECOND + MS) == 0);
  CLAIM(bucket_hold(&device, 0, 2 * MS, SECOND + MS) > 0);
  CLAIM(bucket_hold(&device, 0, MS / 4, SECOND + MS) == 0);
  bucket_end_probe(&device, lease);
  CLAIM(bucket_hold(&device, 0, 2 * MS, SECOND + MS) == 0);
  bucket_launch(&device, 30 * MS, SECOND + MS);
  lease = bucket_probe(&device, SECOND + 2 * MS);
  CLAIM(bucket_hold(&device, lease, 0, SECOND + 2 * MS) > 0 && bucket_hold(&device, lease, 0, SECOND + 31 * MS) == 0);
  /* Its holder was killed. */
  CLAIM(bucket_probe(&device, SECOND + 3 * MS + BUCKET_PROBE_NS) != 0);
}

/* ---- costs ---- */

static struct cost_table table;

static struct cost_key *new_key(void) {
  static uintptr_t function = 4096;
  struct cost_shape shape = {.function = (void *)(function += 64), .grid = {132, 1, 1}, .block = {128, 1, 1}};
  return cost_find(&table, &shape);
}

static void shapes_have_entries_of_their_own(void) {
  struct cost_shape shape = {.function = &table, .grid = {8, 2, 3}, .block = {32, 2, 1}};
  struct cost_key *first = cost_find(&table, &shape);
  CLAIM(cost_find(&table, &shape) == first && !cost_is_known(first));
  cost_learn(first, 5000);
  struct cost_shape others[6] = {shape, shape, shape, shape, shape, shape};
  others[0].grid[2] = 4;
  others[1].block[0] = 64;
  others[2].shared_bytes = 1;
  others[3].cluster[0] = 2;
  others[4].device = 1;
  others[5].function = &page;
  for (int i = 0; i < 6; i++) CLAIM(!cost_is_known(cost_find(&table, &others[i])));
  CLAIM(cost_of(cost_find(&table, &shape)) == 5000);
}

static void a_grid_of_any_size_has_a_guess(void) {
  struct cost_shape huge = {.grid = {2147483647u, 65535, 65535}};
  struct cost_shape beyond = {.grid = {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
  struct cost_shape small = {.grid = {1, 1, 1}};
  CLAIM(cost_guess(&huge) == MS && cost_guess(&beyond) == MS && cost_guess(&small) == 5000);
}

static void another_shape_of_a_known_function_is_guessed_from_it(void) {
  struct cost_shape shape = {.function = &device, .grid = {100, 1, 1}, .block = {32, 1, 1}};
  struct cost_shape larger = {.function = &device, .grid = {300, 1, 1}, .block = {32, 1, 1}};
  struct cost_key *known = cost_find(&table, &shape), *unknown = cost_find(&table, &larger);
  CLAIM(!cost_guess_by_function(&table, unknown, &larger));
  cost_learn(known, 10 * MS);
  cost_tell_function(&table, &device, known);
  CLAIM(cost_guess_by_function(&table, unknown, &larger));
  CLAIM(cost_of(unknown) >= 30 * MS && cost_of(unknown) < 31 * MS);
}

static void a_steady_kernel_is_sampled_ever_more_rarely(void) {
  struct cost_key *key = new_key();
  uint32_t samples = 0, launches = 0;
  for (int i = 0; i < 100000; i++) {
    uint32_t due = cost_due(key);
    launches += due;
    if (due == 0) continue;
    samples++;
    CLAIM(cost_learn(key, 200000) == 200000);
  }
  CLAIM(samples < 500 && samples > 300 && launches > 99000 && launches <= 100000);
  CLAIM(cost_of(key) == 200000);
}

static void others_slices_are_not_charged(void) {
  struct cost_key *key = new_key();
  uint64_t counted = 0;
  for (int i = 0; i < 1000; i++) counted += cost_learn(key, i % 10 == 3 ? 2200000 : 200000);
  CLAIM(cost_of(key) < 210000 && counted < 1000 * 215000ull);
}

static void long_kernels_beside_others_cost_what_they_cost_alone(void) {
  struct cost_key *key = new_key();
  for (int i = 0; i < 200; i++) cost_learn(key, i % 3 == 0 ? 50 * MS : 50 * MS + (uint64_t)(i * 7 % 50) * MS);
  CLAIM(cost_of(key) < 53 * MS);
}

static void data_makes_a_kernel_cost_its_mean(void) {
  struct cost_key *jitter = new_key(), *two_ways = new_key();
  uint64_t sum = 0;
  for (uint64_t i = 0; i < 400; i++) {
    uint64_t sample = 140000 + (i * 7919 % 121) * 1000;
    sum += cost_learn(jitter, sample);
    cost_learn(two_ways, i % 2 == 0 ? 100000 : 200000);
  }
  CLAIM(sum / 400 > 195000 && sum / 400 < 205000);
  CLAIM(cost_of(jitter) > 180000 && cost_of(jitter) < 220000);
  CLAIM(cost_of(two_ways) > 135000 && cost_of(two_ways) < 165000);
}

static void a_first_sample_beside_others_is_soon_forgotten(void) {
  struct cost_key *key = new_key();
  cost_learn(key, 200 * MS);
  cost_learn(key, 50 * MS);
  CLAIM(cost_of(key) == 50 * MS);
}

static void a_kernel_that_became_longer_costs_more(void) {
  struct cost_key *key = new_key();
  for (int i = 0; i < 50; i++) cost_learn(key, 300000);
  for (int i = 0; i < 200; i++) cost_learn(key, 900000);
  CLAIM(cost_of(key) > 890000);
}

static void a_changed_graph_is_measured_again(void) {
  struct cost_key *key = new_key();
  for (int i = 0; i < 50; i++) cost_learn(key, 300000);
  cost_doubt(key);
  CLAIM(cost_due(key) > 0 && cost_of(key) == 300000);
  cost_learn(key, 2000000);
  CLAIM(cost_of(key) == 2000000);
  cost_forget(key);
  CLAIM(!cost_is_known(key));
}

int main(void) {
  a_share_is_given_whatever_a_launch_costs();
  idle_time_is_saved_up_to_the_bucket_and_no_further();
  looking_often_loses_no_time();
  a_long_kernel_starts_at_once_and_is_paid_off_after();
  places_are_served_in_the_order_of_asking();
  who_dies_in_the_queue_blocks_nobody();
  a_new_rate_is_followed_by_those_who_wait();
  what_was_paid_too_much_moves_everybody_up();
  rates_come_from_the_arbiter_while_he_is_heard();
  a_scribbled_bucket_comes_to_no_end();
  a_clock_of_another_boot_starts_anew();
  overlapping_time_is_counted_once();
  one_probe_runs_at_a_time_and_long_work_keeps_out();
  shapes_have_entries_of_their_own();
  a_grid_of_any_size_has_a_guess();
  another_shape_of_a_known_function_is_guessed_from_it();
  a_steady_kernel_is_sampled_ever_more_rarely();
  others_slices_are_not_charged();
  long_kernels_beside_others_cost_what_they_cost_alone();
  data_makes_a_kernel_cost_its_mean();
  a_first_sample_beside_others_is_soon_forgotten();
  a_kernel_that_became_longer_costs_more();
  a_changed_graph_is_measured_again();
  return 0;
}
