/* Zones: groups of touching voxels (faces, edges or corners) of one gray level, by union-find.

   A sweep notes for every voxel which of the 13 neighbors before it have its level, as bits. Equal neighbors that
   touch each other are in one zone already, so it is enough to join one of each touching group: a table of all
   8,192 patterns names them, four at most. Two-dimensional zones leave out the neighbors in other slices. */
#include "../../_arrays.h"
#include <stdlib.h>

enum { N_NEIGHBORS = 13, N_PATTERNS = 1 << N_NEIGHBORS, N_JOINS = 4, NONE = N_NEIGHBORS };

/* z, y, x from a voxel to those before it, in the order of memory from the nearest back. */
static const int BEFORE[N_NEIGHBORS][3] = {
    {0, 0, -1},  {0, -1, 1},  {0, -1, 0},  {0, -1, -1}, {-1, 1, 1},   {-1, 1, 0},  {-1, 1, -1},
    {-1, 0, 1},  {-1, 0, 0},  {-1, 0, -1}, {-1, -1, 1}, {-1, -1, 0},  {-1, -1, -1},
};

/* Gray levels with a border of one zero voxel on each side; steps are the 13 neighbors in voxels. */
typedef struct {
    const uint16_t *levels;
    Py_ssize_t shape[3], plane, row, steps[N_NEIGHBORS];
} Bordered;

typedef struct {
    int32_t *levels, *sizes; /* of each zone */
    Py_ssize_t room;
} Zones;

static int touch(const int *a, const int *b)
{
    return abs(a[0] - b[0]) <= 1 && abs(a[1] - b[1]) <= 1 && abs(a[2] - b[2]) <= 1;
}

/* The voxels of pattern that touch seed, directly or through others of the pattern. */
static unsigned touching_group(unsigned pattern, unsigned seed, const unsigned *touching)
{
    unsigned group = seed, before = 0;
    while (group != before) {
        before = group;
        for (int k = 0; k < N_NEIGHBORS; k++)
            if (before >> k & 1)
                group |= touching[k] & pattern;
    }
    return group;
}

/* Filled on first use, while Python's lock is held: for every pattern of equal neighbors, those to join. */
static uint8_t joins[N_PATTERNS * N_JOINS];

static void fill_joins(void)
{
    unsigned touching[N_NEIGHBORS] = {0};
    for (int a = 0; a < N_NEIGHBORS; a++)
        for (int b = 0; b < N_NEIGHBORS; b++)
            touching[a] |= (unsigned)touch(BEFORE[a], BEFORE[b]) << b;
    memset(joins, NONE, sizeof joins);
    for (unsigned pattern = 1; pattern < N_PATTERNS; pattern++) {
        unsigned rest = pattern;
        for (int n_joins = 0; rest; n_joins++) {
            int first = 0;
            while (!(rest >> first & 1))
                first++;
            joins[pattern * N_JOINS + n_joins] = (uint8_t)first;
            rest &= ~touching_group(pattern, 1u << first, touching);
        }
    }
}

/* Bit k of patterns[x] says whether the neighbor k before voxel x has its level. */
FOR_EACH_PROCESSOR
static void note_equal(const Bordered *box, unsigned left_out, Py_ssize_t start, uint16_t *patterns)
{
    const uint16_t *levels = box->levels + start;
    Py_ssize_t n = box->shape[2] - 2;
    memset(patterns, 0, (size_t)n * sizeof *patterns);
    for (int k = 0; k < N_NEIGHBORS; k++) {
        const uint16_t *before = levels + box->steps[k];
        uint16_t bit = (uint16_t)((left_out >> k & 1) ? 0 : 1 << k);
        for (Py_ssize_t x = 0; x < n; x++)
            patterns[x] |= (uint16_t)(levels[x] == before[x] ? bit : 0);
    }
}

static inline int32_t root_of(int32_t *parents, int32_t label)
{
    while (parents[label] != label) {
        parents[label] = parents[parents[label]];
        label = parents[label];
    }
    return label;
}

/* Join two zones under the smaller label, so that a parent's label is never above its child's. */
static inline int32_t join(int32_t *parents, int32_t a, int32_t b)
{
    a = root_of(parents, a);
    b = root_of(parents, b);
    int32_t low = a < b ? a : b, high = a < b ? b : a;
    parents[high] = low;
    return low;
}

/* Give the voxels of one row labels, and count them per label; returns the highest label so far. */
static int32_t label_row(const Bordered *box, const uint16_t *patterns, Py_ssize_t start, int32_t *labels,
                         int32_t *parents, Zones *zones, int32_t highest)
{
    for (Py_ssize_t x = 0; x < box->shape[2] - 2; x++) {
        Py_ssize_t voxel = start + x;
        const uint8_t *of_pattern = joins + (size_t)patterns[x] * N_JOINS;
        int32_t label;
        if (!box->levels[voxel])
            continue;
        if (!patterns[x]) {
            if (highest >= zones->room)
                return -1;
            label = ++highest;
            parents[label] = label;
            zones->levels[label - 1] = box->levels[voxel];
            zones->sizes[label - 1] = 0;
        } else {
            label = labels[voxel + box->steps[of_pattern[0]]];
            for (int k = 1; k < N_JOINS && of_pattern[k] != NONE; k++)
                label = join(parents, label, labels[voxel + box->steps[of_pattern[k]]]);
        }
        labels[voxel] = label;
        zones->sizes[label - 1]++;
    }
    return highest;
}

/* Add each label's voxels to its root's and keep the roots; returns the number of zones. Afterwards the parent of a
   root is its zone's number from 1, negative; that of any other label is its root. */
static Py_ssize_t gather(int32_t *parents, int32_t highest, Zones *zones)
{
    Py_ssize_t n_zones = 0;
    for (int32_t label = 1; label <= highest; label++) {
        int32_t root = parents[label] = parents[parents[label]];
        if (root != label)
            zones->sizes[root - 1] += zones->sizes[label - 1];
    }
    for (int32_t label = 1; label <= highest; label++)
        if (parents[label] == label) {
            zones->levels[n_zones] = zones->levels[label - 1];
            zones->sizes[n_zones++] = zones->sizes[label - 1];
            parents[label] = (int32_t)-n_zones;
        }
    return n_zones;
}

/* Turn the labels of voxels into the numbers of their zones; 0 stays 0. */
static void number(int32_t *labels, size_t n_voxels, const int32_t *parents)
{
    for (size_t voxel = 0; voxel < n_voxels; voxel++) {
        int32_t label = labels[voxel], root = label && parents[label] > 0 ? parents[label] : label;
        labels[voxel] = label ? -parents[root] : 0;
    }
}

/* Returns the number of zones, -1 without memory, -2 without room. The caller's labels hold 0 and become the numbers
   of the zones; NULL where they are not wanted. */
static Py_ssize_t find_zones(const Bordered *box, unsigned left_out, Zones *zones, int32_t *wanted)
{
    size_t n_voxels = (size_t)(box->shape[0] * box->plane);
    int32_t *labels = wanted ? wanted : malloc(n_voxels * sizeof *labels);
    int32_t *parents = malloc(((size_t)zones->room + 1) * sizeof *parents);
    uint16_t *patterns = malloc((size_t)box->row * sizeof *patterns);
    Py_ssize_t found = labels && parents && patterns ? 0 : -1;
    int32_t highest = 0;
    for (Py_ssize_t z = 1; !found && z < box->shape[0] - 1; z++)
        for (Py_ssize_t y = 1; highest >= 0 && y < box->shape[1] - 1; y++) {
            Py_ssize_t start = z * box->plane + y * box->row + 1;
            note_equal(box, left_out, start, patterns);
            highest = label_row(box, patterns, start, labels, parents, zones, highest);
        }
    if (!found)
        found = highest < 0 ? -2 : gather(parents, highest, zones);
    if (wanted && found >= 0)
        number(wanted, n_voxels, parents);
    if (!wanted)
        free(labels);
    free(parents);
    free(patterns);
    return found;
}

static Bordered bordered(Py_buffer *levels)
{
    Bordered box = {levels->buf, {levels->shape[0], levels->shape[1], levels->shape[2]}, 0, levels->shape[2], {0}};
    box.plane = box.shape[1] * box.shape[2];
    for (int k = 0; k < N_NEIGHBORS; k++)
        box.steps[k] = BEFORE[k][0] * box.plane + BEFORE[k][1] * box.row + BEFORE[k][2];
    return box;
}

static unsigned neighbors_along(int axis)
{
    unsigned along = 0;
    for (int k = 0; axis >= 0 && axis < 3 && k < N_NEIGHBORS; k++)
        along |= (unsigned)(BEFORE[k][axis] != 0) << k;
    return along;
}

static int are_zero(const uint16_t *levels, Py_ssize_t n)
{
    for (Py_ssize_t k = 0; k < n; k++)
        if (levels[k])
            return 0;
    return 1;
}

/* A voxel of the border has no label, so none may look like the neighbor of a zone. */
static int has_zero_border(const uint16_t *levels, const Py_ssize_t *shape)
{
    const Py_ssize_t row = shape[2], plane = shape[1] * row;
    int zero = are_zero(levels, plane) && are_zero(levels + (shape[0] - 1) * plane, plane);
    for (Py_ssize_t z = 1; zero && z < shape[0] - 1; z++) {
        const uint16_t *of = levels + z * plane;
        zero = are_zero(of, row) && are_zero(of + plane - row, row);
        for (Py_ssize_t y = 1; zero && y < shape[1] - 1; y++)
            zero = !of[y * row] && !of[(y + 1) * row - 1];
    }
    return zero;
}

/* views: levels, levels of the zones, sizes of the zones, labels or nothing */
static int fit_together(const Py_buffer *views)
{
    const Py_ssize_t *shape = views[0].shape;
    return shape[0] > 2 && shape[1] > 2 && shape[2] > 2 && views[0].len / 2 <= INT32_MAX &&
           views[1].len == views[2].len && has_zero_border(views[0].buf, shape) &&
           (!views[3].obj || views[3].len == 2 * views[0].len);
}

/* zones(levels, flat_axis, zone_levels, zone_sizes[, labels]) -> number of zones: the levels and sizes of all zones of
   levels (z, y, x) of uint16 with a zero border, in arrays of int32 with room for them; flat_axis -1 looks for zones in
   three dimensions, else in the slices across that axis; labels is None, or int32 in the shape of levels that becomes
   the number of each voxel's zone, from 1, and 0 outside of any. */
static PyObject *zones(PyObject *module, PyObject *arguments)
{
    PyObject *objects[4] = {NULL, NULL, NULL, Py_None};
    Py_buffer views[4] = {0};
    int flat_axis;
    Py_ssize_t found = -3;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OiOO|O", &objects[0], &flat_axis, &objects[1], &objects[2], &objects[3]))
        return NULL;
    if (take_array(objects[0], &views[0], 'u', 2, 3, READ, "levels") < 0 ||
        take_array(objects[1], &views[1], 'i', 4, 1, WRITE, "zone_levels") < 0 ||
        take_array(objects[2], &views[2], 'i', 4, 1, WRITE, "zone_sizes") < 0 ||
        (objects[3] != Py_None && take_array(objects[3], &views[3], 'i', 4, 3, WRITE, "labels") < 0))
        goto release;
    if (!fit_together(views)) {
        PyErr_SetString(PyExc_ValueError, "zones: levels, zones and labels do not fit together, or levels have no border of zeros");
        goto release;
    }
    Bordered box = bordered(&views[0]);
    Zones all = {views[1].buf, views[2].buf, views[1].shape[0]};
    if (!joins[N_JOINS + 1]) /* NONE, once they are there */
        fill_joins();
    if (views[3].obj)
        memset(views[3].buf, 0, (size_t)views[3].len);
    Py_BEGIN_ALLOW_THREADS
    found = find_zones(&box, neighbors_along(flat_axis), &all, views[3].buf);
    Py_END_ALLOW_THREADS
    if (found == -1)
        PyErr_NoMemory();
    if (found == -2)
        PyErr_SetString(PyExc_ValueError, "zones: too little room for the zones");
release:
    release_arrays(views, 4);
    return found < 0 ? NULL : PyLong_FromSsize_t(found);
}

static PyMethodDef methods[] = {{"zones", zones, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_zones", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__zones(void)
{
    return PyModule_Create(&definition);
}
