/* Deriche's recursive Gaussian, and from it the Laplacian of Gaussian in a box of a volume.

   A line's response is the sum of a causal and an anticausal recursion of fourth order (Deriche, "Recursively
   implementing the Gaussian and its derivatives", INRIA report 1893, 1993). Lines are taken LANES at a time, so that
   every step of the recursion is a vector instruction. Sums run in ITK's order: the results are bit-equal. */
#include "../../_arrays.h"
#include <stdlib.h>

enum { LANES = 32, ORDER = 4, AXES = 3, CACHE_LINE = 64, GROUP = 8, WORTH_KNOWING = 16 };

/* r[i] = sum x[i - k] * inputs[k] - sum r[i - 1 - k] * feedback[k]; before the line's first value v it is as if v had
   gone on for ever: every r[i - 1 - k] * feedback[k] is v * edges[k]. */
typedef struct {
    double inputs[ORDER], feedback[ORDER], edges[ORDER];
} Recursion;

/* One of the two ways along a line, the causal from its begin or the anticausal from its end, whence rows are counted:
   the recursion, the rows [from, stop) that are wanted, and the responses to a line of one constant. */
typedef struct {
    Recursion recursion;
    Py_ssize_t from, stop;
    double *to_constant;
} Way;

/* A filter along lines of one length, and the constant whose responses it knows. */
typedef struct {
    Way causal, anticausal;
    Py_ssize_t length;
    int knows_constant;
    double constant;
} Filter;

/* Rows of LANES values: the lines, with ORDER rows of their end values on both sides, and their two responses. */
typedef struct {
    double *values, *causal, *anticausal;
} Rows;

typedef struct ItemType ItemType;

/* Lines in memory: item i of line k is (i * step + k * across) items behind the first. */
typedef struct {
    const ItemType *type;
    char *first;
    Py_ssize_t step, across;
} Lines;

struct ItemType {
    char kind;
    Py_ssize_t size;
    void (*load)(Lines lines, Py_ssize_t length, Py_ssize_t width, double *rows);
};

/* Lanes without a line of their own repeat the first. */
#define DEFINE_LOAD(NAME, ITEM)                                                                                        \
    FOR_EACH_PROCESSOR                                                                                                 \
    static void load_##NAME(Lines lines, Py_ssize_t length, Py_ssize_t width, double *rows)                            \
    {                                                                                                                  \
        const ITEM *items = (const ITEM *)lines.first;                                                                 \
        for (Py_ssize_t i = 0; i < length; i++, items += lines.step, rows += LANES) {                                  \
            if (lines.across == 1)                                                                                     \
                for (Py_ssize_t k = 0; k < width; k++)                                                                 \
                    rows[k] = (double)items[k];                                                                        \
            else                                                                                                       \
                for (Py_ssize_t k = 0; k < width; k++)                                                                 \
                    rows[k] = (double)items[k * lines.across];                                                         \
            for (Py_ssize_t k = width; k < LANES; k++)                                                                 \
                rows[k] = (double)items[0];                                                                            \
        }                                                                                                              \
    }

DEFINE_LOAD(float, float)
DEFINE_LOAD(double, double)
DEFINE_LOAD(int8, int8_t)
DEFINE_LOAD(int16, int16_t)
DEFINE_LOAD(int32, int32_t)
DEFINE_LOAD(int64, int64_t)
DEFINE_LOAD(uint8, uint8_t)
DEFINE_LOAD(uint16, uint16_t)
DEFINE_LOAD(uint32, uint32_t)
DEFINE_LOAD(uint64, uint64_t)

static const ItemType TYPES[] = {
    {'f', 4, load_float},  {'f', 8, load_double}, {'i', 1, load_int8},   {'i', 2, load_int16},  {'i', 4, load_int32},
    {'i', 8, load_int64},  {'u', 1, load_uint8},  {'u', 2, load_uint16}, {'u', 4, load_uint32}, {'u', 8, load_uint64},
};
enum { N_TYPES = sizeof TYPES / sizeof *TYPES };

static const ItemType *type_of(int kind, Py_ssize_t size)
{
    for (int k = 0; k < N_TYPES; k++)
        if (TYPES[k].kind == kind && TYPES[k].size == size)
            return &TYPES[k];
    PyErr_Format(PyExc_TypeError, "volume: no values of kind %c%zd", kind, size);
    return NULL;
}

static Lines lines_of(const ItemType *type, char *first, Py_ssize_t step, Py_ssize_t across)
{
    const Lines lines = {type, first, step, across};
    return lines;
}

static Lines float_lines(float *first, Py_ssize_t step, Py_ssize_t across)
{
    return lines_of(&TYPES[0], (char *)first, step, across);
}

/* Write the sum of both responses: single precision between one axis and the next, as in ITK. */
FOR_EACH_PROCESSOR
static void store(const Rows *rows, Py_ssize_t from, Py_ssize_t stop, Lines lines, Py_ssize_t width)
{
    float *items = (float *)lines.first;
    for (Py_ssize_t i = from; i < stop; i++, items += lines.step) {
        const double *causal = rows->causal + i * LANES, *anticausal = rows->anticausal + i * LANES;
        if (lines.across == 1)
            for (Py_ssize_t k = 0; k < width; k++)
                items[k] = (float)(causal[k] + anticausal[k]);
        else
            for (Py_ssize_t k = 0; k < width; k++)
                items[k * lines.across] = (float)(causal[k] + anticausal[k]);
    }
}

static inline void respond(const double *x, Py_ssize_t stride, const double *inputs, const double *const *previous,
                           const double *feedback, double *RESTRICT response)
{
    const double *x1 = x - stride, *x2 = x1 - stride, *x3 = x2 - stride;
    const double *r1 = previous[0], *r2 = previous[1], *r3 = previous[2], *r4 = previous[3];
    for (int k = 0; k < LANES; k++) {
        double forward = x[k] * inputs[0] + x1[k] * inputs[1] + x2[k] * inputs[2] + x3[k] * inputs[3];
        response[k] = forward - (r1[k] * feedback[0] + r2[k] * feedback[1] + r3[k] * feedback[2] + r4[k] * feedback[3]);
    }
}

/* Respond to the rows [start, stop) of one way; the anticausal goes by a negative stride. */
FOR_EACH_PROCESSOR
static void sweep(const Recursion *recursion, const double *values, double *responses, Py_ssize_t stride,
                  Py_ssize_t start, Py_ssize_t stop)
{
    const Recursion own = *recursion;
    Py_ssize_t i = start;
    for (; i < stop && i < ORDER; i++) {
        const double *previous[ORDER];
        double feedback[ORDER];
        for (int k = 0; k < ORDER; k++) {
            previous[k] = i > k ? responses + (i - k - 1) * stride : values;
            feedback[k] = i > k ? own.feedback[k] : own.edges[k];
        }
        respond(values + i * stride, stride, own.inputs, previous, feedback, responses + i * stride);
    }
    for (; i < stop; i++) {
        double *r = responses + i * stride;
        const double *const previous[] = {r - stride, r - 2 * stride, r - 3 * stride, r - 4 * stride};
        respond(values + i * stride, stride, own.inputs, previous, own.feedback, r);
    }
}

/* How many rows, counted in whole GROUPs from values on, hold nothing but one and the same value. */
FOR_EACH_PROCESSOR
static Py_ssize_t constant_rows(const double *values, Py_ssize_t stride, Py_ssize_t length)
{
    const double constant = *values;
    Py_ssize_t n_rows = 0;
    for (; n_rows + GROUP <= length; n_rows += GROUP) {
        const double *group = values + (stride > 0 ? n_rows : n_rows + GROUP - 1) * stride;
        int64_t n_unlike = 0;
        for (int k = 0; k < GROUP * LANES; k++)
            n_unlike += group[k] != constant;
        if (n_unlike)
            break;
    }
    return n_rows;
}

static void repeat_ends(double *values, Py_ssize_t length)
{
    for (int k = 1; k <= ORDER; k++) {
        memcpy(values - k * LANES, values, LANES * sizeof *values);
        memcpy(values + (length + k - 1) * LANES, values + (length - 1) * LANES, LANES * sizeof *values);
    }
}

/* Learn the responses to a line of one constant; false if they were known already. */
static int learn_constant(Filter *filter, const Rows *rows, double constant)
{
    const Py_ssize_t length = filter->length, end = (length - 1) * LANES;
    if (filter->knows_constant && filter->constant == constant)
        return 0;
    for (Py_ssize_t i = -ORDER * LANES; i < (length + ORDER) * LANES; i++)
        rows->values[i] = constant;
    sweep(&filter->causal.recursion, rows->values, rows->causal, LANES, 0, length);
    sweep(&filter->anticausal.recursion, rows->values + end + LANES, rows->anticausal + end, -LANES, 0, length);
    for (Py_ssize_t i = 0; i < length; i++) {
        filter->causal.to_constant[i] = rows->causal[i * LANES];
        filter->anticausal.to_constant[i] = rows->anticausal[end - i * LANES];
    }
    filter->constant = constant;
    return filter->knows_constant = 1;
}

/* Follow one way along the rows, of which the first n_constant hold the constant whose responses are known: the
   recursion begins behind them. */
static void follow(const Way *way, const double *values, double *responses, Py_ssize_t stride, Py_ssize_t n_constant)
{
    Py_ssize_t start = n_constant < ORDER ? 0 : n_constant < way->stop ? n_constant : way->stop;
    Py_ssize_t known = start - ORDER < way->from ? start - ORDER : way->from;
    for (Py_ssize_t i = known > 0 ? known : 0; i < start; i++)
        for (int k = 0; k < LANES; k++)
            responses[i * stride + k] = way->to_constant[i];
    sweep(&way->recursion, values, responses, stride, start, way->stop);
}

/* Whether n items, one behind the other, have the same bytes. */
static int are_alike(const char *items, Py_ssize_t n, Py_ssize_t size)
{
    return !memcmp(items, items + size, (size_t)((n - 1) * size));
}

/* Whether all lines hold one value and nothing else; in memory, items lie side by side along the lines or across. */
static int is_constant(Lines in, Py_ssize_t length, Py_ssize_t width)
{
    const Py_ssize_t size = in.type->size, n_inner = in.step == 1 ? length : width;
    const Py_ssize_t n_outer = in.step == 1 ? width : length, outer = (in.step == 1 ? in.across : in.step) * size;
    const char *last = in.first + (n_outer - 1) * outer;
    if (memcmp(in.first, last, (size_t)size) || !are_alike(in.first, n_inner, size))
        return 0;
    for (const char *line = in.first + outer; line <= last; line += outer)
        if (memcmp(in.first, line, (size_t)(n_inner * size)))
            return 0;
    return 1;
}

/* Write the response to lines of the constant that is known. */
static void store_constant(const Filter *filter, Lines lines, Py_ssize_t width)
{
    float *items = (float *)lines.first;
    for (Py_ssize_t i = filter->causal.from; i < filter->causal.stop; i++, items += lines.step) {
        float response = (float)(filter->causal.to_constant[i] + filter->anticausal.to_constant[filter->length - 1 - i]);
        for (Py_ssize_t k = 0; k < width; k++)
            items[k * lines.across] = response;
    }
}

/* Filter up to LANES lines. A volume's background is often constant, and so are the ends of most lines. */
static void filter_block(Filter *filter, const Rows *rows, Lines in, Lines out, Py_ssize_t width)
{
    const Py_ssize_t length = filter->length;
    if (is_constant(in, length, width)) {
        in.type->load(in, 1, 1, rows->values);
        learn_constant(filter, rows, *rows->values);
        store_constant(filter, out, width);
        return;
    }
    double *begin = rows->values, *end = begin + (length - 1) * LANES;
    in.type->load(in, length, width, begin);
    Py_ssize_t n_leading = constant_rows(begin, LANES, length), n_trailing = constant_rows(end, -LANES, length);
    if ((n_leading >= WORTH_KNOWING || n_trailing >= WORTH_KNOWING) &&
        learn_constant(filter, rows, n_leading >= WORTH_KNOWING ? *begin : *end))
        in.type->load(in, length, width, begin);
    repeat_ends(begin, length);
    const int knows_begin = filter->knows_constant && *begin == filter->constant;
    const int knows_end = filter->knows_constant && *end == filter->constant;
    follow(&filter->causal, begin, rows->causal, LANES, knows_begin ? n_leading : 0);
    follow(&filter->anticausal, end + LANES, rows->anticausal + (length - 1) * LANES, -LANES,
           knows_end ? n_trailing : 0);
    store(rows, filter->causal.from, filter->causal.stop, out, width);
}

static void filter_lines(Filter *filter, const Rows *rows, Lines in, Lines out, Py_ssize_t n_lines)
{
    for (Py_ssize_t k = 0; k < n_lines; k += LANES) {
        filter_block(filter, rows, in, out, n_lines - k < LANES ? n_lines - k : LANES);
        in.first += LANES * in.across * in.type->size;
        out.first += LANES * out.across * out.type->size;
    }
}

static Py_ssize_t larger(Py_ssize_t a, Py_ssize_t b)
{
    return a > b ? a : b;
}

/* The Laplacian's task of one sigma, by axis z, y, x: the part of the volume that is read and the box, their shapes and strides in
   items, the filters, the weight of each second derivative, and memory for results on the way. */
typedef struct {
    const ItemType *type;
    char *volume, *source;
    Py_ssize_t first[AXES], read[AXES], stride[AXES], box[AXES];
    double weights[AXES];
    Filter smooth[AXES], second[AXES];
    Rows rows;
    float *out, *along_x, *along_y, *along_z, *plane, *term;
} Task;

enum { Z, Y, X };

/* The rows along x that follow one another along an axis, side by side: the filters then read them from the cache. */
static char *plane_of(Task *task, Py_ssize_t first, int axis)
{
    const Py_ssize_t size = task->type->size, row = task->read[X] * size;
    if (task->stride[axis] == task->read[X])
        return task->volume + first * size;
    for (Py_ssize_t k = 0; k < task->read[axis]; k++)
        memcpy(task->source + k * row, task->volume + (first + k * task->stride[axis]) * size, (size_t)row);
    return task->source;
}

/* In slice z the second derivatives along x and y, each smoothed along the other. */
static void derive_in_slice(Task *task, Py_ssize_t z)
{
    const Py_ssize_t *n = task->read, *box = task->box, area = box[Y] * box[X];
    char *slice = plane_of(task, z * task->stride[Z], Y);
    float *along_x = task->along_x + z * area, *along_y = task->along_y + z * area, *plane = task->plane;
    filter_lines(&task->second[X], &task->rows, lines_of(task->type, slice, 1, n[X]), float_lines(plane, 1, box[X]),
                 n[Y]);
    filter_lines(&task->smooth[Y], &task->rows, float_lines(plane, box[X], 1), float_lines(along_x, box[X], 1), box[X]);
    filter_lines(&task->second[Y], &task->rows, lines_of(task->type, slice, n[X], 1), float_lines(plane, n[X], 1), n[X]);
    filter_lines(&task->smooth[X], &task->rows, float_lines(plane, 1, n[X]), float_lines(along_y, 1, box[X]), box[Y]);
}

/* In the plane of all z at y the second derivative along z, smoothed along x. */
static void derive_across_slices(Task *task, Py_ssize_t y)
{
    const Py_ssize_t *n = task->read, *box = task->box;
    char *source = plane_of(task, y * task->stride[Y], Z);
    float *along_z = task->along_z + y * box[X], *plane = task->plane;
    filter_lines(&task->second[Z], &task->rows, lines_of(task->type, source, n[X], 1), float_lines(plane, n[X], 1), n[X]);
    filter_lines(&task->smooth[X], &task->rows, float_lines(plane, 1, n[X]), float_lines(along_z, 1, n[Y] * box[X]),
                 box[Z]);
}

/* Derive in planes across an axis one after the other, in each for all tasks that read it: it is then near at hand. */
static void derive(Task *tasks, Py_ssize_t n_tasks, int axis, void (*in_plane)(Task *task, Py_ssize_t plane))
{
    Py_ssize_t first = tasks->first[axis], stop = first;
    for (Py_ssize_t k = 0; k < n_tasks; k++) {
        first = tasks[k].first[axis] < first ? tasks[k].first[axis] : first;
        stop = larger(stop, tasks[k].first[axis] + tasks[k].read[axis]);
    }
    for (Py_ssize_t plane = first; plane < stop; plane++)
        for (Py_ssize_t k = 0; k < n_tasks; k++)
            if (plane >= tasks[k].first[axis] && plane < tasks[k].first[axis] + tasks[k].read[axis])
                in_plane(&tasks[k], plane - tasks[k].first[axis]);
}

static void add_term(Task *task, int axis)
{
    const Py_ssize_t n_voxels = task->box[Z] * task->box[Y] * task->box[X];
    for (Py_ssize_t k = 0; k < n_voxels; k++)
        task->out[k] = (float)(task->out[k] + task->term[k] * task->weights[axis]);
}

static void add_smoothed_along_z(Task *task, float *derived, int axis)
{
    const Py_ssize_t area = task->box[Y] * task->box[X];
    filter_lines(&task->smooth[Z], &task->rows, float_lines(derived, area, 1), float_lines(task->term, area, 1), area);
    add_term(task, axis);
}

static void add_smoothed_along_y(Task *task, float *derived, int axis)
{
    const Py_ssize_t *n = task->read, *box = task->box;
    for (Py_ssize_t z = 0; z < box[Z]; z++)
        filter_lines(&task->smooth[Y], &task->rows, float_lines(derived + z * n[Y] * box[X], box[X], 1),
                     float_lines(task->term + z * box[Y] * box[X], box[X], 1), box[X]);
    add_term(task, axis);
}

/* ITK derives along x, y, z in turn, smooths along the other axes in the same order, and adds up in that order. */
static void laplacians(Task *tasks, Py_ssize_t n_tasks)
{
    derive(tasks, n_tasks, Z, derive_in_slice);
    derive(tasks, n_tasks, Y, derive_across_slices);
    for (Task *task = tasks; task < tasks + n_tasks; task++) {
        memset(task->out, 0, (size_t)(task->box[Z] * task->box[Y] * task->box[X]) * sizeof *task->out);
        add_smoothed_along_z(task, task->along_x, X);
        add_smoothed_along_z(task, task->along_y, Y);
        add_smoothed_along_y(task, task->along_z, Z);
    }
}

enum { MOST_BLOCKS = 9 + 4 * AXES };

/* Memory of a task: what was claimed, to be freed together. */
typedef struct {
    void *blocks[MOST_BLOCKS];
    int n_blocks, is_short;
} Memory;

static void *claim(Memory *memory, Py_ssize_t n_bytes)
{
    char *block = memory->n_blocks < MOST_BLOCKS ? malloc((size_t)n_bytes + CACHE_LINE) : NULL;
    if (!block) {
        memory->is_short = 1;
        return NULL;
    }
    memory->blocks[memory->n_blocks++] = block;
    return block + CACHE_LINE - (uintptr_t)block % CACHE_LINE;
}

static void release(Memory *memory)
{
    for (int k = 0; k < memory->n_blocks; k++)
        free(memory->blocks[k]);
}

static void claim_memory(Task *task, Memory *memory)
{
    const Py_ssize_t *n = task->read, *box = task->box, size = sizeof(float), row = LANES * sizeof(double);
    const Py_ssize_t longest = larger(n[Z], larger(n[Y], n[X]));
    double *padded = claim(memory, (longest + 2 * ORDER) * row);
    task->rows.values = padded ? padded + ORDER * LANES : NULL;
    task->rows.causal = claim(memory, longest * row);
    task->rows.anticausal = claim(memory, longest * row);
    task->along_x = claim(memory, n[Z] * box[Y] * box[X] * size);
    task->along_y = claim(memory, n[Z] * box[Y] * box[X] * size);
    task->along_z = claim(memory, box[Z] * n[Y] * box[X] * size);
    task->source = claim(memory, larger(n[Y], n[Z]) * n[X] * task->type->size);
    task->plane = claim(memory, larger(n[Y] * box[X], larger(box[Y], box[Z]) * n[X]) * size);
    task->term = claim(memory, box[Z] * box[Y] * box[X] * size);
    for (int axis = 0; axis < AXES; axis++) {
        Filter *filters[] = {&task->smooth[axis], &task->second[axis]};
        for (int k = 0; k < 2; k++) {
            filters[k]->causal.to_constant = claim(memory, n[axis] * (Py_ssize_t)sizeof(double));
            filters[k]->anticausal.to_constant = claim(memory, n[axis] * (Py_ssize_t)sizeof(double));
        }
    }
}

/* Of each axis: where reading begins and stops, and where the box does, within the volume. */
typedef struct {
    int64_t read_first, read_stop, box_first, box_stop;
} Extent;

static Filter filter_of(const Recursion *ways, const Extent *extent)
{
    const Py_ssize_t length = extent->read_stop - extent->read_first;
    const Py_ssize_t first = extent->box_first - extent->read_first, stop = extent->box_stop - extent->read_first;
    Filter filter = {{ways[0], first, stop, NULL}, {ways[1], length - stop, length - first, NULL}, length, 0, 0.0};
    return filter;
}

static int shapes_fit(Py_ssize_t n_tasks, const Py_buffer *recursions, const Py_buffer *extents, const Py_buffer *weights)
{
    if (n_tasks && recursions->shape[0] == n_tasks && extents->shape[0] == n_tasks &&
        recursions->len / AXES == n_tasks * 4 * (Py_ssize_t)sizeof(Recursion) &&
        extents->len / AXES == n_tasks * (Py_ssize_t)sizeof(Extent) && weights->shape[0] == AXES)
        return 1;
    PyErr_SetString(PyExc_ValueError,
                    "laplacian: recursions (n, 3, 2, 2, 12), extents (n, 3, 4) or weights (3) do not fit");
    return 0;
}

static int extents_fit(const Extent *extents, const Py_ssize_t *volume, const Py_ssize_t *out)
{
    for (int axis = 0; axis < AXES; axis++) {
        const Extent e = extents[axis];
        if (!(0 <= e.read_first && e.read_first <= e.box_first && e.box_first < e.box_stop &&
              e.box_stop <= e.read_stop && e.read_stop <= volume[axis] && e.read_stop - e.read_first >= ORDER &&
              e.box_stop - e.box_first == out[axis])) {
            PyErr_Format(PyExc_ValueError, "laplacian: the extent along axis %d does not fit", axis);
            return 0;
        }
    }
    return 1;
}

static void set_up(Task *task, Py_ssize_t k, const Py_buffer *views)
{
    const Extent *extents = (const Extent *)views[3].buf + k * AXES;
    const Recursion *recursions = (const Recursion *)views[2].buf + k * 4 * AXES;
    const Py_ssize_t strides[] = {views[0].shape[1] * views[0].shape[2], views[0].shape[2], 1};
    task->volume = views[0].buf;
    task->out = (float *)views[1].buf + k * views[1].shape[1] * views[1].shape[2] * views[1].shape[3];
    for (int axis = 0; axis < AXES; axis++) {
        task->stride[axis] = strides[axis];
        task->first[axis] = extents[axis].read_first;
        task->read[axis] = extents[axis].read_stop - extents[axis].read_first;
        task->box[axis] = extents[axis].box_stop - extents[axis].box_first;
        task->weights[axis] = ((const double *)views[4].buf)[axis];
        task->smooth[axis] = filter_of(recursions + 4 * axis, &extents[axis]);
        task->second[axis] = filter_of(recursions + 4 * axis + 2, &extents[axis]);
        task->volume += extents[axis].read_first * strides[axis] * task->type->size;
    }
}

/* Set up n tasks, each with memory of its own, and do them. */
static PyObject *run(const ItemType *type, const Py_buffer *views)
{
    size_t n_tasks = (size_t)views[1].shape[0];
    Task *tasks = calloc(n_tasks, sizeof *tasks);
    Memory *memories = calloc(n_tasks, sizeof *memories);
    int is_short = !tasks || !memories;
    for (size_t k = 0; !is_short && k < n_tasks; k++) {
        tasks[k].type = type;
        set_up(&tasks[k], (Py_ssize_t)k, views);
        claim_memory(&tasks[k], &memories[k]);
        is_short = memories[k].is_short;
    }
    if (!is_short) {
        Py_BEGIN_ALLOW_THREADS
        laplacians(tasks, (Py_ssize_t)n_tasks);
        Py_END_ALLOW_THREADS
    }
    for (size_t k = 0; memories && k < n_tasks; k++)
        release(&memories[k]);
    free(memories);
    free(tasks);
    return is_short ? PyErr_NoMemory() : Py_NewRef(Py_None);
}

static int all_extents_fit(const Py_buffer *views)
{
    for (Py_ssize_t k = 0; k < views[1].shape[0]; k++)
        if (!extents_fit((const Extent *)views[3].buf + k * AXES, views[0].shape, views[1].shape + 1))
            return 0;
    return 1;
}

/* laplacians_in_box(volume (z, y, x), kind, size, out (n, box), recursions (n, 3, 2, 2, 12), extents (n, 3, 4),
   weights (3)): n sigmas; kind and size are those of the volume's items; recursions go by axis, smoothing and second
   derivative, causal and anticausal. */
static PyObject *laplacians_in_box(PyObject *module, PyObject *arguments)
{
    PyObject *volume, *out, *recursions, *extents, *weights, *done = NULL;
    int kind;
    Py_ssize_t size;
    Py_buffer views[5] = {{0}};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OCnOOOO", &volume, &kind, &size, &out, &recursions, &extents, &weights))
        return NULL;
    const ItemType *type = type_of(kind, size);
    if (type && take_array(volume, &views[0], (char)kind, size, 3, READ, "volume") == 0 &&
        take_array(out, &views[1], 'f', sizeof(float), 4, WRITE, "out") == 0 &&
        take_array(recursions, &views[2], 'f', sizeof(double), 5, READ, "recursions") == 0 &&
        take_array(extents, &views[3], 'i', sizeof(int64_t), 3, READ, "extents") == 0 &&
        take_array(weights, &views[4], 'f', sizeof(double), 1, READ, "weights") == 0 &&
        shapes_fit(views[1].shape[0], &views[2], &views[3], &views[4]) && all_extents_fit(views))
        done = run(type, views);
    release_arrays(views, 5);
    return done;
}

static PyMethodDef methods[] = {{"laplacians_in_box", laplacians_in_box, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_recursive_gaussian", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__recursive_gaussian(void)
{
    return PyModule_Create(&module);
}
