/* The algorithm of sim/engines/compiled.py in C, for the benchmark alone: the same loop over the same arrays.

   One loop takes the earliest of the heap's root (ends of delays), the next arrival, the next deadline and the next
   change of capacity. An event is one 64-bit number, time << bits | key. The root of the heap leaves a hole that the
   first delay begun in the same event fills. */

#include <stdbool.h>
#include <stdint.h>

#define NOBODY UINT32_MAX
#define LAST_KEY UINT64_MAX
#define NORMAL_PACE 1000
#define NEVER ((int64_t)1 << 62)

enum { SEIZE, DELAY, RELEASE, WAIT, SIGNAL, END };

typedef struct {
    uint32_t code, argument, column, level, escape;
} Op;

/* Every member takes 8 bytes; c_kernel.py fills them in by this order. */
typedef struct {
    int64_t horizon_ms, lead_in_ms, bits, levels, slots, arrivals, changes, deadlines;
    const int64_t *change_ms;
    const uint32_t *change_resource;
    const int64_t *change_capacity;
    const uint8_t *change_refills;
    const int64_t *pace_first, *pace_ms, *pace_per_mille;
    const Op *ops;
    const int64_t *arrival_ms, *deadline_ms;
    const uint32_t *row, *deadline_order, *signal;
    const int64_t *work_ms;
    int64_t *capacity, *in_use, *busy_ms, *queued;
    int64_t *moments, *exit_ms;
    uint8_t *outcome;
    uint32_t *position, *head, *tail, *following, *preceding;
    uint8_t *waits, *given;
    uint32_t *signal_head, *signal_tail;
    uint64_t *heap;
} Run;

static inline uint64_t min3(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t least = a < b ? a : b;
    return least < c ? least : c;
}

static inline int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline void sift_down(uint64_t *heap, uint64_t size, uint64_t event)
{
    uint64_t hole = 0, child = 1;
    while (child < size) {
        if (child + 1 < size)
            child += heap[child + 1] < heap[child];
        if (event <= heap[child])
            break;
        heap[hole] = heap[child];
        hole = child;
        child = 2 * hole + 1;
    }
    heap[hole] = event;
}

static inline void sift_up(uint64_t *heap, uint64_t size, uint64_t event)
{
    uint64_t hole = size;
    while (hole > 0) {
        uint64_t parent = (hole - 1) >> 1;
        if (heap[parent] <= event)
            break;
        heap[hole] = heap[parent];
        hole = parent;
    }
    heap[hole] = event;
}

static int64_t end_of_work(const Run *r, int64_t now, int64_t work, uint32_t calendar)
{
    int64_t left = work * NORMAL_PACE, begin = now;
    int64_t segment = r->pace_first[calendar], last = r->pace_first[calendar + 1] - 1;
    while (segment < last && r->pace_ms[segment + 1] <= now)
        segment++;
    while (segment < last) {
        int64_t pace = r->pace_per_mille[segment];
        int64_t room = (r->pace_ms[segment + 1] - begin) * pace;
        if (pace > 0 && left <= room)
            return begin + (left + pace - 1) / pace;
        left -= room;
        segment++;
        begin = r->pace_ms[segment];
    }
    int64_t pace = r->pace_per_mille[last];
    return pace > 0 ? begin + (left + pace - 1) / pace : NEVER;
}

static inline void join(uint64_t queue, uint32_t *head, uint32_t *tail, Run *r, uint32_t vehicle)
{
    uint32_t last = tail[queue];
    r->preceding[vehicle] = last;
    r->following[vehicle] = NOBODY;
    if (last == NOBODY)
        head[queue] = vehicle;
    else
        r->following[last] = vehicle;
    tail[queue] = vehicle;
}

static inline void leave(uint64_t queue, Run *r, uint32_t vehicle)
{
    uint32_t before = r->preceding[vehicle], after = r->following[vehicle];
    if (before == NOBODY)
        r->head[queue] = after;
    else
        r->following[before] = after;
    if (after == NOBODY)
        r->tail[queue] = before;
    else
        r->preceding[after] = before;
}

/* Vehicles that the running event has set going, in order. */
typedef struct {
    uint32_t head, tail;
} Ready;

static inline void set_going(Run *r, Ready *ready, uint32_t vehicle, int64_t now)
{
    uint32_t place = r->position[vehicle];
    r->moments[r->row[vehicle] + r->ops[place].column] = now;
    r->position[vehicle] = place + 1;
    r->following[vehicle] = NOBODY;
    if (ready->head == NOBODY)
        ready->head = vehicle;
    else
        r->following[ready->tail] = vehicle;
    ready->tail = vehicle;
}

/* Take the first vehicle of the best level out of a resource's queues, which are not all empty. */
static inline uint32_t take_first(Run *r, uint32_t resource)
{
    uint64_t queue = (uint64_t)resource * r->levels;
    while (r->head[queue] == NOBODY)
        queue++;
    uint32_t vehicle = r->head[queue];
    leave(queue, r, vehicle);
    r->queued[resource]--;
    r->waits[vehicle] = 0;
    return vehicle;
}

void advance(Run *run)
{
    Run r = *run;
    const uint64_t bits = r.bits, mask = ((uint64_t)1 << bits) - 1, end_key = (uint64_t)r.horizon_ms << bits;
    uint64_t *heap = r.heap, size = 0;
    bool hole = false;
    uint64_t next_arrival = 0, next_change = 0, next_deadline = 0;
    uint64_t arrival_key = r.arrivals ? ((uint64_t)r.arrival_ms[0] << bits) + 1 : LAST_KEY;
    uint64_t change_key = r.changes ? (uint64_t)r.change_ms[0] << bits : LAST_KEY;
    uint64_t deadline_key = LAST_KEY;
    if (r.deadlines) {
        uint32_t first = r.deadline_order[0];
        deadline_key = ((uint64_t)r.deadline_ms[first] << bits) + first + 1;
    }
    uint64_t static_key = min3(arrival_key, change_key, deadline_key);

    for (;;) {
        if (hole) {
            size--;
            if (size > 0)
                sift_down(heap, size, heap[size]);
            hole = false;
        }
        uint64_t event = size > 0 ? heap[0] : LAST_KEY;
        uint32_t running = NOBODY;
        Ready ready = {NOBODY, NOBODY};
        int64_t now;
        if (event < static_key) {
            if (event >= end_key)
                break;
            now = event >> bits;
            running = (event & mask) - 1;
            hole = true;
        } else {
            if (static_key >= end_key)
                break;
            now = static_key >> bits;
            if (static_key == arrival_key) {
                running = next_arrival++;
                arrival_key = LAST_KEY;
                if (next_arrival < (uint64_t)r.arrivals)
                    arrival_key = ((uint64_t)r.arrival_ms[next_arrival] << bits) + next_arrival + 1;
            } else if (static_key == deadline_key) {
                uint32_t late = r.deadline_order[next_deadline++];
                deadline_key = LAST_KEY;
                if (next_deadline < (uint64_t)r.deadlines) {
                    uint32_t next = r.deadline_order[next_deadline];
                    deadline_key = ((uint64_t)r.deadline_ms[next] << bits) + next + 1;
                }
                const Op *op = &r.ops[r.position[late]];
                if (r.waits[late] && op->escape > 0) {
                    leave((uint64_t)op->argument * r.levels + op->level, &r, late);
                    r.queued[op->argument]--;
                    r.waits[late] = 0;
                    r.moments[r.row[late] + op->column] = now;
                    r.position[late] += op->escape;
                    running = late;
                }
            } else {
                uint32_t resource = r.change_resource[next_change];
                r.capacity[resource] = r.change_capacity[next_change];
                if (r.change_refills[next_change])
                    r.capacity[resource] += r.in_use[resource];
                next_change++;
                change_key = next_change < (uint64_t)r.changes ? (uint64_t)r.change_ms[next_change] << bits : LAST_KEY;
                while (r.queued[resource] > 0 && r.in_use[resource] < r.capacity[resource]) {
                    r.in_use[resource]++;
                    r.busy_ms[resource] -= later(now, r.lead_in_ms);
                    set_going(&r, &ready, take_first(&r, resource), now);
                }
                if (ready.head != NOBODY) {
                    running = ready.head;
                    ready.head = r.following[running];
                }
            }
            static_key = min3(arrival_key, change_key, deadline_key);
        }

        while (running != NOBODY) {
            uint32_t place = r.position[running], record = r.row[running];
            for (;;) {
                const Op op = r.ops[place];
                if (op.code == SEIZE) {
                    if (r.in_use[op.argument] < r.capacity[op.argument]) {
                        r.in_use[op.argument]++;
                        r.busy_ms[op.argument] -= later(now, r.lead_in_ms);
                        r.moments[record + op.column] = now;
                        place++;
                    } else if (op.escape > 0 && now >= r.deadline_ms[running]) {
                        r.moments[record + op.column] = now;
                        place += op.escape;
                    } else {
                        join((uint64_t)op.argument * r.levels + op.level, r.head, r.tail, &r, running);
                        r.queued[op.argument]++;
                        r.waits[running] = 1;
                        r.position[running] = place;
                        break;
                    }
                } else if (op.code == DELAY) {
                    int64_t work = r.work_ms[record + op.column];
                    int64_t end = op.argument ? end_of_work(&r, now, work, op.argument - 1) : now + work;
                    place++;
                    if (end >= r.horizon_ms)
                        break;
                    r.moments[record + op.column] = end;
                    if (end > now) {
                        r.position[running] = place;
                        uint64_t coming = ((uint64_t)end << bits) + running + 1;
                        if (hole) {
                            sift_down(heap, size, coming);
                            hole = false;
                        } else {
                            sift_up(heap, size, coming);
                            size++;
                        }
                        break;
                    }
                } else if (op.code == RELEASE) {
                    place++;
                    if (r.queued[op.argument] > 0 && r.in_use[op.argument] <= r.capacity[op.argument]) {
                        set_going(&r, &ready, take_first(&r, op.argument), now);
                    } else {
                        r.in_use[op.argument]--;
                        r.busy_ms[op.argument] += later(now, r.lead_in_ms);
                    }
                } else if (op.code == END) {
                    r.exit_ms[running] = now;
                    r.outcome[running] = op.argument;
                    break;
                } else {
                    uint32_t number = r.signal[(uint64_t)running * r.slots + op.argument];
                    if (op.code == SIGNAL) {
                        place++;
                        r.given[number] = 1;
                        uint32_t woken = r.signal_head[number];
                        r.signal_head[number] = NOBODY;
                        while (woken != NOBODY) {
                            uint32_t after = r.following[woken];
                            set_going(&r, &ready, woken, now);
                            woken = after;
                        }
                    } else if (r.given[number]) {
                        r.moments[record + op.column] = now;
                        place++;
                    } else {
                        join(number, r.signal_head, r.signal_tail, &r, running);
                        r.position[running] = place;
                        break;
                    }
                }
            }
            running = ready.head;
            if (running != NOBODY)
                ready.head = r.following[running];
        }
    }
}
