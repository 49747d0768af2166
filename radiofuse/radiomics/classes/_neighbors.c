/* Texture matrices of neighboring voxels: co-occurrence, dependence and gray tone difference, in one pass.

   Gray levels are copied into a box of 16-bit levels with a border of zeros as wide as the longest offset, so that no
   neighbor is outside the array and level 0 stands for "not in the region". Each row of voxels then goes through the
   three counts while it is in the cache. */
#include "../../_arrays.h"
#include <stdlib.h>

enum { VECTOR = 16 }; /* 16-bit levels in the widest vector in use */

/* Gray levels with a border of zeros; plane and row are the strides in voxels. */
typedef struct {
    uint16_t *levels;
    Py_ssize_t shape[3], border[3], plane, row;
} Bordered;

/* What is asked for; a matrix that is not wanted is NULL. */
typedef struct {
    uint32_t *glcm;    /* (n_offsets, n_levels, n_levels) */
    uint32_t *gldm;    /* (n_levels, 2 * n_offsets + 1) */
    double *ngtdm;     /* (n_levels, 4): voxels, sum of differences, level, voxels without neighbors */
    Py_ssize_t n_levels, n_offsets;
    uint16_t alpha;
} Matrices;

/* A row's sums over its neighbors on both sides, shape (row length,) each. */
typedef struct {
    uint32_t *sums;
    uint16_t *counts, *dependents;
} RowSums;

static Py_ssize_t longest(const int32_t *offsets, Py_ssize_t n_offsets, int axis)
{
    Py_ssize_t reach = 0;
    for (Py_ssize_t k = 0; k < n_offsets; k++) {
        const Py_ssize_t step = offsets[3 * k + axis];
        if (step > reach || -step > reach)
            reach = step < 0 ? -step : step;
    }
    return reach;
}

/* Copy levels into the bordered box. Return 0, or -1 where a level is not in 0..n_levels. */
static int fill(const Bordered *box, const int32_t *levels, Py_ssize_t n_levels)
{
    for (Py_ssize_t z = 0; z < box->shape[0]; z++)
        for (Py_ssize_t y = 0; y < box->shape[1]; y++) {
            uint16_t *row = box->levels + (z + box->border[0]) * box->plane + (y + box->border[1]) * box->row +
                            box->border[2];
            uint32_t highest = 0;
            for (Py_ssize_t x = 0; x < box->shape[2]; x++) {
                highest = (uint32_t)levels[x] > highest ? (uint32_t)levels[x] : highest;
                row[x] = (uint16_t)levels[x];
            }
            if (highest > (uint32_t)n_levels)
                return -1;
            levels += box->shape[2];
        }
    return 0;
}

/* Co-occurrence (IBSI section 3.6): pairs of a voxel's level and that of its neighbor, for each offset apart. */
static void count_pairs(const uint16_t *row, Py_ssize_t n, const Py_ssize_t *steps, const Matrices *out)
{
    Py_ssize_t size = out->n_levels * out->n_levels;
    for (Py_ssize_t x = 0; x < n; x++) {
        if (!row[x])
            continue;
        uint32_t *pairs = out->glcm + (row[x] - 1) * out->n_levels - 1;
        for (Py_ssize_t k = 0; k < out->n_offsets; k++, pairs += size) {
            uint16_t neighbor = row[x + steps[k]];
            if (neighbor)
                pairs[neighbor]++;
        }
    }
}

/* Add up each voxel's neighbors at a step and at its opposite. Outside the region the sums mean nothing. */
FOR_EACH_PROCESSOR
static void add_neighbors(const uint16_t *row, Py_ssize_t step, Py_ssize_t n, uint16_t alpha, RowSums to)
{
    const uint16_t *after = row + step, *before = row - step;
    uint32_t *sums = to.sums;
    uint16_t *counts = to.counts, *dependents = to.dependents;
    for (Py_ssize_t x = 0; x < n; x++) {
        uint16_t level = row[x], one = after[x], other = before[x];
        uint16_t to_one = (uint16_t)(level > one ? level - one : one - level);
        uint16_t to_other = (uint16_t)(level > other ? level - other : other - level);
        sums[x] += (uint16_t)(one + other);
        counts[x] = (uint16_t)(counts[x] + (one != 0) + (other != 0));
        dependents[x] = (uint16_t)(dependents[x] + ((one != 0) & (to_one <= alpha)) +
                                   ((other != 0) & (to_other <= alpha)));
    }
}

/* Dependence (IBSI section 3.11): voxels by level and by how many neighbors differ from them by at most alpha. */
static void count_dependences(const uint16_t *row, Py_ssize_t n, const uint16_t *dependents, const Matrices *out)
{
    for (Py_ssize_t x = 0; x < n; x++)
        if (row[x])
            out->gldm[(row[x] - 1) * (2 * out->n_offsets + 1) + dependents[x]]++;
}

/* Gray tone difference (IBSI section 3.10): per level, voxels and their distance from their neighbors' mean. */
static void sum_differences(const uint16_t *row, Py_ssize_t n, RowSums of, const Matrices *out)
{
    for (Py_ssize_t x = 0; x < n; x++) {
        if (!row[x])
            continue;
        double mean = of.counts[x] ? (double)of.sums[x] / of.counts[x] : row[x];
        double *of_level = out->ngtdm + 4 * (row[x] - 1);
        of_level[0] += 1;
        of_level[1] += row[x] > mean ? row[x] - mean : mean - row[x];
        of_level[3] += !of.counts[x];
    }
}

/* Everything of n voxels in a row; sums are taken over whole vectors, which may reach into what follows the row. */
static void visit_row(const uint16_t *row, Py_ssize_t n, const Py_ssize_t *steps, RowSums row_sums,
                      const Matrices *out)
{
    size_t whole = ((size_t)n + VECTOR - 1) / VECTOR * VECTOR;
    if (out->glcm)
        count_pairs(row, n, steps, out);
    if (!out->gldm && !out->ngtdm)
        return;
    memset(row_sums.sums, 0, whole * sizeof(uint32_t));
    memset(row_sums.counts, 0, whole * sizeof(uint16_t));
    memset(row_sums.dependents, 0, whole * sizeof(uint16_t));
    for (Py_ssize_t k = 0; k < out->n_offsets; k++)
        add_neighbors(row, steps[k], (Py_ssize_t)whole, out->alpha, row_sums);
    if (out->gldm)
        count_dependences(row, n, row_sums.dependents, out);
    if (out->ngtdm)
        sum_differences(row, n, row_sums, out);
}

static void sweep(const Bordered *box, const Py_ssize_t *steps, RowSums row_sums, const Matrices *out)
{
    for (Py_ssize_t z = 0; z < box->shape[0]; z++)
        for (Py_ssize_t y = 0; y < box->shape[1]; y++) {
            const uint16_t *row = box->levels + (z + box->border[0]) * box->plane + (y + box->border[1]) * box->row +
                                  box->border[2];
            Py_ssize_t n = box->shape[2];
            while (n && !row[n - 1])
                n--;
            while (n && !row[0]) {
                row++;
                n--;
            }
            if (n)
                visit_row(row, n, steps, row_sums, out);
        }
}

/* Allocate the bordered box, the steps in it and a row's sums, and sweep. Return 0, -1 (a level) or -2 (memory). */
static int count_all(const int32_t *levels, const Py_ssize_t *shape, const int32_t *offsets, const Matrices *out)
{
    Bordered box;
    for (int axis = 0; axis < 3; axis++) {
        box.shape[axis] = shape[axis];
        box.border[axis] = longest(offsets, out->n_offsets, axis);
    }
    box.row = shape[2] + 2 * box.border[2];
    box.plane = box.row * (shape[1] + 2 * box.border[1]);
    box.levels = calloc((size_t)(box.plane * (shape[0] + 2 * box.border[0])) + VECTOR, sizeof(uint16_t));
    Py_ssize_t longest_row = shape[2] + VECTOR;
    Py_ssize_t *steps = malloc((size_t)(out->n_offsets + 1) * sizeof(Py_ssize_t));
    void *sums = malloc((size_t)longest_row * (sizeof(uint32_t) + 2 * sizeof(uint16_t)));
    int result = -2;
    if (box.levels && steps && sums) {
        uint16_t *counts = (uint16_t *)((uint32_t *)sums + longest_row);
        for (Py_ssize_t k = 0; k < out->n_offsets; k++)
            steps[k] = offsets[3 * k] * box.plane + offsets[3 * k + 1] * box.row + offsets[3 * k + 2];
        result = fill(&box, levels, out->n_levels);
        if (!result)
            sweep(&box, steps, (RowSums){sums, counts, counts + longest_row}, out);
    }
    free(box.levels);
    free(steps);
    free(sums);
    return result;
}

static int shapes_fit(const Py_buffer *arrays, Py_ssize_t n_levels)
{
    Py_ssize_t n_offsets = arrays[1].shape[0];
    const Py_ssize_t *glcm = arrays[2].shape, *gldm = arrays[3].shape, *ngtdm = arrays[4].shape;
    return arrays[1].shape[1] == 3 && n_offsets < INT16_MAX && n_levels >= 0 && n_levels <= INT16_MAX &&
           (!arrays[2].obj || (glcm[0] == n_offsets && glcm[1] == n_levels && glcm[2] == n_levels)) &&
           (!arrays[3].obj || (gldm[0] == n_levels && gldm[1] == 2 * n_offsets + 1)) &&
           (!arrays[4].obj || (ngtdm[0] == n_levels && ngtdm[1] == 4));
}

/* Whether no offset leads so far that the box with its border could not be counted. */
static int are_near(const int32_t *offsets, Py_ssize_t n)
{
    for (Py_ssize_t k = 0; k < n; k++)
        if (offsets[k] < -INT16_MAX || offsets[k] > INT16_MAX)
            return 0;
    return 1;
}

static int take_arrays(PyObject **objects, Py_buffer *arrays)
{
    return take_array(objects[0], &arrays[0], 'i', 4, 3, READ, "levels") ||
           take_array(objects[1], &arrays[1], 'i', 4, 2, READ, "offsets") ||
           (objects[2] != Py_None && take_array(objects[2], &arrays[2], 'i', 4, 3, WRITE, "glcm")) ||
           (objects[3] != Py_None && take_array(objects[3], &arrays[3], 'i', 4, 2, WRITE, "gldm")) ||
           (objects[4] != Py_None && take_array(objects[4], &arrays[4], 'f', 8, 2, WRITE, "ngtdm"));
}

static PyObject *count(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *objects[5];
    Py_buffer arrays[5] = {{0}, {0}, {0}, {0}, {0}};
    Py_ssize_t n_levels;
    int alpha, result = -3;
    if (!PyArg_ParseTuple(args, "OOniOOO", &objects[0], &objects[1], &n_levels, &alpha, &objects[2], &objects[3],
                          &objects[4]))
        return NULL;
    if (!take_arrays(objects, arrays)) {
        if (shapes_fit(arrays, n_levels) && alpha >= 0 && are_near(arrays[1].buf, 3 * arrays[1].shape[0])) {
            Matrices out = {arrays[2].buf, arrays[3].buf, arrays[4].buf, n_levels, arrays[1].shape[0],
                            (uint16_t)(alpha < UINT16_MAX ? alpha : UINT16_MAX)};
            Py_BEGIN_ALLOW_THREADS
            result = count_all(arrays[0].buf, arrays[0].shape, arrays[1].buf, &out);
            Py_END_ALLOW_THREADS
        }
        if (result == -1)
            PyErr_SetString(PyExc_ValueError, "a gray level is negative or higher than n_levels");
        if (result == -2)
            PyErr_NoMemory();
        if (result == -3)
            PyErr_SetString(PyExc_ValueError, "alpha is negative, offsets are too many or too far, or matrices do not fit");
    }
    release_arrays(arrays, 5);
    return result ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"count", count, METH_VARARGS,
     "count(levels, offsets, n_levels, alpha, glcm, gldm, ngtdm): add to the matrices that are not None."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {.m_base = PyModuleDef_HEAD_INIT, .m_name = "_neighbors", .m_methods = methods};

PyMODINIT_FUNC PyInit__neighbors(void)
{
    return PyModule_Create(&module);
}
