/* Run lengths: along every direction, how often a gray level stands how many voxels in a row.

   A voxel that is the k-th of its run, counted from the run's beginning, tells of one run of at least k voxels.
   So each direction takes one sweep that gives every voxel its place in its run (one more than the voxel before
   it where the levels are equal, else 1), a histogram of level and place, and differences of neighboring
   columns: runs of exactly k are those of at least k less those of at least k + 1. */
#include "../../_arrays.h"
#include <stdlib.h>

/* Gray levels with a border of one zero voxel on each side; the strides are in voxels. */
typedef struct {
    const uint16_t *levels;
    Py_ssize_t shape[3], plane, row;
} Bordered;

/* The voxels x of row (z, y) that can be in the region: first <= x < last. */
typedef struct {
    Py_ssize_t first, last;
} Extent;

typedef struct {
    const int32_t *offset; /* to the next voxel of a run: z, y, x in -1, 0, 1; the first that is not 0 is 1 */
    uint16_t *places;      /* place in the run, of the slice at hand and of the one before: 2 bordered slices */
    uint32_t *counts;      /* (n_levels + 1, n_lengths), row 0 for voxels outside the region */
} Sweep;

static void find_extents(const Bordered *box, Extent *extents)
{
    for (Py_ssize_t z = 1; z < box->shape[0] - 1; z++)
        for (Py_ssize_t y = 1; y < box->shape[1] - 1; y++) {
            const uint16_t *row = box->levels + z * box->plane + y * box->row;
            Extent extent = {1, box->shape[2] - 1};
            while (extent.first < extent.last && !row[extent.first])
                extent.first++;
            while (extent.first < extent.last && !row[extent.last - 1])
                extent.last--;
            extents[z * box->shape[1] + y] = extent;
        }
}

static inline void place_in_row(Py_ssize_t n, const uint16_t *levels, uint16_t *places)
{
    for (Py_ssize_t x = 0; x < n; x++)
        places[x] = levels[x] == levels[x - 1] ? (uint16_t)(places[x - 1] + 1) : 1;
}

static inline void place_after_row(Py_ssize_t n, const uint16_t *levels, const uint16_t *levels_before,
                                   const uint16_t *places_before, uint16_t *places)
{
    for (Py_ssize_t x = 0; x < n; x++) {
        uint16_t equal = (uint16_t)-(levels[x] == levels_before[x]);
        places[x] = (uint16_t)((places_before[x] & equal) + 1);
    }
}

/* Count level and place of every voxel, for one direction. */
FOR_EACH_PROCESSOR
static void sweep(const Bordered *box, const Extent *extents, const Sweep *direction, Py_ssize_t n_lengths)
{
    const int32_t *offset = direction->offset;
    uint32_t *counts = direction->counts;
    for (Py_ssize_t z = 1; z < box->shape[0] - 1; z++)
        for (Py_ssize_t y = 1; y < box->shape[1] - 1; y++) {
            Extent extent = extents[z * box->shape[1] + y];
            Py_ssize_t n = extent.last - extent.first, start = y * box->row + extent.first;
            Py_ssize_t start_before = start - offset[1] * box->row - offset[2];
            const uint16_t *levels = box->levels + z * box->plane + start;
            uint16_t *places = direction->places + (z & 1) * box->plane + start;
            if (!offset[0] && !offset[1])
                place_in_row(n, levels, places);
            else
                place_after_row(n, levels, box->levels + (z - offset[0]) * box->plane + start_before,
                                direction->places + ((z - offset[0]) & 1) * box->plane + start_before, places);
            for (Py_ssize_t x = 0; x < n; x++)
                counts[levels[x] * n_lengths + places[x] - 1]++;
        }
}

/* Whether a second voxel of the region lies on the line through a voxel of the region. */
static int shares_a_line(const Bordered *box, const int32_t *offset)
{
    for (Py_ssize_t z = 1; z < box->shape[0] - 1; z++)
        for (Py_ssize_t y = 1; y < box->shape[1] - 1; y++)
            for (Py_ssize_t x = 1; x < box->shape[2] - 1; x++) {
                Py_ssize_t on[3] = {z + offset[0], y + offset[1], x + offset[2]};
                if (!box->levels[z * box->plane + y * box->row + x])
                    continue;
                for (; on[0] < box->shape[0] && on[1] > 0 && on[1] < box->shape[1] && on[2] > 0 &&
                       on[2] < box->shape[2];
                     on[0] += offset[0], on[1] += offset[1], on[2] += offset[2])
                    if (box->levels[on[0] * box->plane + on[1] * box->row + on[2]])
                        return 1;
            }
    return 0;
}

/* From "at least k" to "exactly k"; returns whether any run is longer than one voxel. */
static int take_differences(const uint32_t *counts, Py_ssize_t n_levels, Py_ssize_t n_lengths, int32_t *runs)
{
    int longer = 0;
    for (Py_ssize_t level = 0; level < n_levels; level++) {
        const uint32_t *at_least = counts + (level + 1) * n_lengths;
        int32_t *exactly = runs + level * n_lengths;
        for (Py_ssize_t k = 0; k < n_lengths - 1; k++)
            exactly[k] = (int32_t)(at_least[k] - at_least[k + 1]);
        exactly[n_lengths - 1] = (int32_t)at_least[n_lengths - 1];
        longer |= n_lengths > 1 && at_least[1] > 0;
    }
    return longer;
}

static int count_runs(const Bordered *box, const int32_t *offsets, Py_ssize_t n_offsets, int keep_single,
                      Py_ssize_t n_levels, Py_ssize_t n_lengths, int32_t *runs)
{
    Py_ssize_t n_counts = (n_levels + 1) * n_lengths;
    Extent *extents = malloc((size_t)(box->shape[0] * box->shape[1]) * sizeof *extents);
    Sweep direction = {NULL, malloc((size_t)box->plane * 2 * sizeof(uint16_t)),
                       malloc((size_t)n_counts * sizeof(uint32_t))};
    int done = extents && direction.places && direction.counts;
    if (done)
        find_extents(box, extents);
    for (Py_ssize_t k = 0; done && k < n_offsets; k++) {
        int32_t *exactly = runs + k * n_levels * n_lengths;
        direction.offset = offsets + 3 * k;
        memset(direction.counts, 0, (size_t)n_counts * sizeof(uint32_t));
        memset(direction.places, 0, (size_t)box->plane * 2 * sizeof(uint16_t));
        sweep(box, extents, &direction, n_lengths);
        if (!take_differences(direction.counts, n_levels, n_lengths, exactly) && !keep_single &&
            !shares_a_line(box, direction.offset))
            memset(exactly, 0, (size_t)(n_levels * n_lengths) * sizeof *exactly);
    }
    free(extents);
    free(direction.places);
    free(direction.counts);
    return done;
}

static int are_directions(const int32_t *offsets, Py_ssize_t n_offsets)
{
    for (Py_ssize_t k = 0; k < n_offsets; k++) {
        int32_t z = offsets[3 * k], y = offsets[3 * k + 1], x = offsets[3 * k + 2];
        int forward = z == 1 || (z == 0 && (y == 1 || (y == 0 && x == 1)));
        if (!forward || y < -1 || y > 1 || x < -1 || x > 1)
            return 0;
    }
    return 1;
}

static int are_levels(const uint16_t *levels, Py_ssize_t n_voxels, Py_ssize_t n_levels)
{
    uint16_t highest = 0;
    for (Py_ssize_t k = 0; k < n_voxels; k++)
        highest = levels[k] > highest ? levels[k] : highest;
    return highest <= n_levels;
}

static int fit_together(Py_buffer *levels, Py_buffer *offsets, Py_buffer *runs)
{
    Py_ssize_t longest = 0;
    for (int axis = 0; axis < 3; axis++) {
        longest = levels->shape[axis] > longest ? levels->shape[axis] : longest;
        if (levels->shape[axis] < 3)
            return 0;
    }
    return longest <= UINT16_MAX && runs->shape[2] >= longest - 2 && runs->shape[0] == offsets->shape[0] &&
           offsets->shape[1] == 3 && are_directions(offsets->buf, offsets->shape[0]) &&
           are_levels(levels->buf, levels->len / 2, runs->shape[1]);
}

/* run_lengths(levels, offsets, runs, keep_single): fill runs (n_offsets, n_levels, n_lengths) of int32 from levels
   (z, y, x) of uint16 with a zero border and offsets (n_offsets, 3) of int32. A direction on no line of which two
   voxels of the region lie stays empty unless keep_single. */
static PyObject *run_lengths(PyObject *module, PyObject *arguments)
{
    PyObject *objects[3];
    Py_buffer views[3] = {0};
    int keep_single, done = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOp", &objects[0], &objects[1], &objects[2], &keep_single))
        return NULL;
    if (take_array(objects[0], &views[0], 'u', 2, 3, READ, "levels") < 0 ||
        take_array(objects[1], &views[1], 'i', 4, 2, READ, "offsets") < 0 ||
        take_array(objects[2], &views[2], 'i', 4, 3, WRITE, "runs") < 0)
        goto release;
    if (!fit_together(&views[0], &views[1], &views[2])) {
        PyErr_SetString(PyExc_ValueError, "run_lengths: levels, offsets and runs do not fit together");
        goto release;
    }
    Bordered box = {views[0].buf, {views[0].shape[0], views[0].shape[1], views[0].shape[2]}, 0, views[0].shape[2]};
    box.plane = box.shape[1] * box.shape[2];
    Py_BEGIN_ALLOW_THREADS
    done = count_runs(&box, views[1].buf, views[1].shape[0], keep_single, views[2].shape[1], views[2].shape[2],
                      views[2].buf);
    Py_END_ALLOW_THREADS
    if (!done)
        PyErr_NoMemory();
release:
    release_arrays(views, 3);
    if (!done)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"run_lengths", run_lengths, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_runs", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__runs(void)
{
    return PyModule_Create(&definition);
}
