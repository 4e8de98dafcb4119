/* The algorithm of sim/borderport/engines/compiled.py in C, for the benchmark alone: the same loop over the same arrays.

   One loop takes the earliest of the heap's root (ends of delays), the next arrival, the next deadline and the next
   change of capacity. An event is one 64-bit number, time << bits | key. The root of the heap leaves a hole that the
   first delay begun in the same event fills. Delays that follow one another are one event. A record holds ~work until
   it is reached. */

#include <stdbool.h>
#include <stdint.h>

#define NOBODY UINT32_MAX
#define IS_QUEUEING 0x80000000u /* in Vehicle.place while it queues for a resource */
#define LAST_KEY UINT64_MAX
#define NORMAL_PACE 1000
#define NEVER ((int64_t)1 << 62)

enum { SEIZE, DELAY, RELEASE, WAIT, SIGNAL, END };

/* An operation as one integer. */
#define CODE(operation) ((operation) & 0x7)
#define LEVEL(operation) ((operation) >> 3 & 0x1f)
#define COLUMN(operation) ((operation) >> 8 & 0xffff)
#define ARGUMENT(operation) ((operation) >> 24 & 0xffffff)
#define ESCAPE(operation) ((operation) >> 48)

typedef struct {
    uint32_t place, record, after, before;
} Vehicle;

typedef struct {
    int64_t in_use, capacity, queued, busy, longest, waited, unused[2];
} Resource;

typedef struct {
    uint32_t head, tail;
} Ends;

/* Every member takes 8 bytes; c_kernel.py fills them in by this order. */
typedef struct {
    int64_t horizon_ms, lead_in_ms, bits, levels, slots, arrivals, changes, deadlines;
    const uint64_t *programs;
    const int64_t *arrival_ms, *deadline_ms;
    const uint32_t *deadline_order;
    const int64_t *change_ms;
    const uint32_t *change_resource;
    const int64_t *change_capacity;
    const uint8_t *change_refills;
    const int64_t *pace_first, *pace_ms, *pace_per_mille;
    const uint32_t *signal;
    Vehicle *vehicles;
    Resource *resources;
    Ends *ends;
    uint8_t *given;
    Ends *signal_ends;
    uint64_t *heap;
    int64_t *moments, *exit_ms;
    uint8_t *outcome;
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

static inline int64_t end_of_work(const Run *r, int64_t now, int64_t work, uint64_t calendar)
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

static inline void join(Ends *queue, Vehicle *vehicles, uint32_t vehicle)
{
    uint32_t last = queue->tail;
    vehicles[vehicle].before = last;
    vehicles[vehicle].after = NOBODY;
    if (last == NOBODY)
        queue->head = vehicle;
    else
        vehicles[last].after = vehicle;
    queue->tail = vehicle;
}

/* A head's ``before`` may be stale: granting does not touch the next in line. */
static inline void leave(Ends *queue, Vehicle *vehicles, uint32_t vehicle)
{
    uint32_t before = vehicles[vehicle].before, after = vehicles[vehicle].after;
    if (queue->head == vehicle) {
        before = NOBODY;
        queue->head = after;
    } else {
        vehicles[before].after = after;
    }
    if (after == NOBODY)
        queue->tail = before;
    else
        vehicles[after].before = before;
}

static inline void go_on(const Run *r, Ends *ready, uint32_t vehicle, int64_t now)
{
    Vehicle *v = &r->vehicles[vehicle];
    uint32_t place = v->place & ~IS_QUEUEING;
    r->moments[v->record + COLUMN(r->programs[place])] = now;
    v->place = place + 1;
    v->after = NOBODY;
    if (ready->head == NOBODY)
        ready->head = vehicle;
    else
        r->vehicles[ready->tail].after = vehicle;
    ready->tail = vehicle;
}

static inline void shorten(Resource *resource, int64_t now, int64_t lead_in_ms)
{
    if (now >= lead_in_ms)
        resource->longest = later(resource->longest, resource->queued);
    resource->queued--;
    resource->waited += later(now, lead_in_ms);
}

static inline void grant(const Run *r, Ends *ready, uint64_t resource, int64_t now)
{
    Ends *queue = &r->ends[resource * r->levels];
    while (queue->head == NOBODY)
        queue++;
    uint32_t head = queue->head;
    queue->head = r->vehicles[head].after;
    if (queue->head == NOBODY)
        queue->tail = NOBODY;
    shorten(&r->resources[resource], now, r->lead_in_ms);
    go_on(r, ready, head, now);
}

static inline uint32_t take_ready(const Vehicle *vehicles, Ends *ready)
{
    uint32_t first = ready->head;
    if (first != NOBODY)
        ready->head = vehicles[first].after;
    return first;
}

void advance(const Run *run)
{
    const Run r = *run;
    const uint64_t bits = r.bits, mask = ((uint64_t)1 << bits) - 1, end_key = (uint64_t)r.horizon_ms << bits;
    Vehicle *vehicles = r.vehicles;
    int64_t *moments = r.moments;
    uint64_t *heap = r.heap, size = 0;
    bool hole = false;
    Ends ready = {NOBODY, NOBODY};
    uint64_t next_arrival = 0, next_change = 0, next_deadline = 0;
    const uint64_t arrivals = r.arrivals, changes = r.changes, deadlines = r.deadlines;
    uint64_t arrival_key = arrivals ? ((uint64_t)r.arrival_ms[0] << bits) + 1 : LAST_KEY;
    uint64_t change_key = changes ? (uint64_t)r.change_ms[0] << bits : LAST_KEY;
    uint64_t deadline_key = LAST_KEY;
    if (deadlines) {
        uint32_t late = r.deadline_order[0];
        deadline_key = ((uint64_t)r.deadline_ms[late] << bits) + late + 1;
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
        uint32_t running;
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
            running = NOBODY;
            if (static_key == arrival_key) {
                running = next_arrival++;
                arrival_key = LAST_KEY;
                if (next_arrival < arrivals)
                    arrival_key = ((uint64_t)r.arrival_ms[next_arrival] << bits) + next_arrival + 1;
            } else if (static_key == change_key) {
                uint64_t number = r.change_resource[next_change];
                Resource *resource = &r.resources[number];
                resource->capacity = r.change_capacity[next_change];
                if (r.change_refills[next_change])
                    resource->capacity += resource->in_use;
                next_change++;
                change_key = next_change < changes ? (uint64_t)r.change_ms[next_change] << bits : LAST_KEY;
                while (resource->queued > 0 && resource->in_use < resource->capacity) {
                    resource->in_use++;
                    resource->busy -= later(now, r.lead_in_ms);
                    grant(&r, &ready, number, now);
                }
                running = take_ready(vehicles, &ready);
            } else {
                uint32_t late = r.deadline_order[next_deadline++];
                deadline_key = LAST_KEY;
                if (next_deadline < deadlines) {
                    uint32_t next = r.deadline_order[next_deadline];
                    deadline_key = ((uint64_t)r.deadline_ms[next] << bits) + next + 1;
                }
                uint32_t place = vehicles[late].place;
                uint64_t operation = r.programs[place & ~IS_QUEUEING], escape = ESCAPE(operation);
                if (place & IS_QUEUEING && escape > 0) {
                    uint64_t number = ARGUMENT(operation);
                    leave(&r.ends[number * r.levels + LEVEL(operation)], vehicles, late);
                    shorten(&r.resources[number], now, r.lead_in_ms);
                    moments[vehicles[late].record + COLUMN(operation)] = now;
                    vehicles[late].place = (place & ~IS_QUEUEING) + escape;
                    running = late;
                }
            }
            static_key = min3(arrival_key, change_key, deadline_key);
        }

        while (running != NOBODY) {
            uint32_t place = vehicles[running].place, record = vehicles[running].record;
            for (;;) {
                uint64_t operation = r.programs[place], code = CODE(operation);
                if (code == SEIZE) {
                    uint64_t number = ARGUMENT(operation), escape = ESCAPE(operation);
                    Resource *resource = &r.resources[number];
                    if (resource->in_use < resource->capacity) {
                        resource->in_use++;
                        resource->busy -= later(now, r.lead_in_ms);
                        moments[record + COLUMN(operation)] = now;
                        place++;
                        continue;
                    }
                    if (escape > 0 && now >= r.deadline_ms[running]) {
                        moments[record + COLUMN(operation)] = now;
                        place += escape;
                        continue;
                    }
                    join(&r.ends[number * r.levels + LEVEL(operation)], vehicles, running);
                    resource->queued++;
                    resource->waited -= later(now, r.lead_in_ms);
                    if (now >= r.lead_in_ms)
                        resource->longest = later(resource->longest, resource->queued);
                    vehicles[running].place = place | IS_QUEUEING;
                    break;
                }
                if (code == DELAY) {
                    int64_t end = now;
                    while (code == DELAY) {
                        uint64_t at = record + COLUMN(operation), calendar = ARGUMENT(operation);
                        int64_t work = ~moments[at];
                        end = calendar ? end_of_work(&r, end, work, calendar - 1) : end + work;
                        if (end >= r.horizon_ms)
                            break;
                        moments[at] = end;
                        operation = r.programs[++place];
                        code = CODE(operation);
                    }
                    if (end >= r.horizon_ms) {
                        vehicles[running].place = place;
                        break;
                    }
                    if (end == now)
                        continue;
                    if (code == END) {
                        r.exit_ms[running] = end;
                        r.outcome[running] = ARGUMENT(operation);
                        break;
                    }
                    vehicles[running].place = place;
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
                if (code == RELEASE) {
                    uint64_t number = ARGUMENT(operation);
                    Resource *resource = &r.resources[number];
                    place++;
                    if (resource->queued > 0 && resource->in_use <= resource->capacity) {
                        grant(&r, &ready, number, now);
                    } else {
                        resource->in_use--;
                        resource->busy += later(now, r.lead_in_ms);
                    }
                    continue;
                }
                if (code == END) {
                    r.exit_ms[running] = now;
                    r.outcome[running] = ARGUMENT(operation);
                    break;
                }
                uint32_t number = r.signal[(uint64_t)running * r.slots + ARGUMENT(operation)];
                if (code == SIGNAL) {
                    place++;
                    r.given[number] = 1;
                    uint32_t woken = r.signal_ends[number].head;
                    r.signal_ends[number].head = NOBODY;
                    while (woken != NOBODY) {
                        uint32_t after = vehicles[woken].after;
                        go_on(&r, &ready, woken, now);
                        woken = after;
                    }
                } else if (r.given[number]) {
                    moments[record + COLUMN(operation)] = now;
                    place++;
                } else {
                    join(&r.signal_ends[number], vehicles, running);
                    vehicles[running].place = place;
                    break;
                }
            }
            running = take_ready(vehicles, &ready);
        }
    }
}
