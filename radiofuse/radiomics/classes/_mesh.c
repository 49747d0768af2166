/* What shape features need of a mask: how often each corner pattern of the marching cubes occurs and where, the
   region's coordinates, and the largest distances between vertices of the mesh.

   Vertices lie halfway between a voxel of the region and a neighbor outside it. Their places are kept as integers,
   in half voxels and with a margin of one voxel: voxel i lies at 2 * (i + 1). A mask is 0 or 1, box-sized, and
   counts as 0 outside its box. */
#include "../../_arrays.h"

#include <stdlib.h>

/* ---- Corner patterns --------------------------------------------------------------------------------------- */

/* patterns[x] = the pattern of the cube between columns x - 1 and x, from its four rows (NULL: outside the box).
   Bit k is corner k, in the order of Lorensen and Cline's figure 4 with z down: see marching_cubes.py. */
FOR_EACH_PROCESSOR
static void row_patterns(const uint8_t *rows[4], Py_ssize_t n_columns, uint8_t *patterns)
{
    static const int near_bit[4] = {0, 3, 4, 7}, far_bit[4] = {1, 2, 5, 6};
    memset(patterns, 0, (size_t)n_columns + 1);
    for (int row = 0; row < 4; row++) {
        const uint8_t *in = rows[row];
        if (!in)
            continue;
        uint8_t near_corner = (uint8_t)(1 << near_bit[row]), far_corner = (uint8_t)(1 << far_bit[row]);
        for (Py_ssize_t x = 0; x < n_columns; x++)
            patterns[x] |= (uint8_t)(in[x] * far_corner);
        for (Py_ssize_t x = 0; x < n_columns; x++)
            patterns[x + 1] |= (uint8_t)(in[x] * near_corner);
    }
}

/* counts[pattern] += (cubes, sum of their z, of their y, of their x); patterns 0 and 255 hold no triangle. */
static void count_row(const uint8_t *patterns, Py_ssize_t n, int64_t z, int64_t y, int64_t (*counts)[4])
{
    for (Py_ssize_t x = 0; x < n; x++) {
        uint64_t eight;
        while (x + 8 <= n && (memcpy(&eight, patterns + x, 8), eight == 0 || eight == UINT64_MAX))
            x += 8;
        if (x == n)
            return;
        int64_t *count = counts[patterns[x]];
        count[0] += 1;
        count[1] += z;
        count[2] += y;
        count[3] += x;
    }
}

static const uint8_t *row_of(const uint8_t *mask, const Py_ssize_t *shape, Py_ssize_t z, Py_ssize_t y)
{
    if (z < 0 || y < 0 || z >= shape[0] || y >= shape[1])
        return NULL;
    return mask + (z * shape[1] + y) * shape[2];
}

static void count_patterns(const uint8_t *mask, const Py_ssize_t *shape, uint8_t *patterns, int64_t (*counts)[4])
{
    for (Py_ssize_t z = 0; z <= shape[0]; z++)
        for (Py_ssize_t y = 0; y <= shape[1]; y++) {
            const uint8_t *rows[4] = {row_of(mask, shape, z - 1, y - 1), row_of(mask, shape, z - 1, y),
                                      row_of(mask, shape, z, y - 1), row_of(mask, shape, z, y)};
            row_patterns(rows, shape[2], patterns);
            count_row(patterns, shape[2] + 1, z, y, counts);
        }
}

static PyObject *cube_counts(PyObject *module, PyObject *args)
{
    PyObject *objects[2];
    Py_buffer views[2] = {{0}, {0}};
    (void)module;
    if (!PyArg_ParseTuple(args, "OO", &objects[0], &objects[1]))
        return NULL;
    if (take_array(objects[0], &views[0], 'u', 1, 3, READ, "mask") < 0 ||
        take_array(objects[1], &views[1], 'i', 8, 2, WRITE, "counts") < 0)
        goto failed;
    if (views[1].shape[0] != 256 || views[1].shape[1] != 4) {
        PyErr_SetString(PyExc_ValueError, "counts: expected shape (256, 4)");
        goto failed;
    }
    uint8_t *patterns = malloc((size_t)views[0].shape[2] + 1);
    if (!patterns) {
        PyErr_NoMemory();
        goto failed;
    }
    memset(views[1].buf, 0, (size_t)views[1].len);
    Py_BEGIN_ALLOW_THREADS
    count_patterns(views[0].buf, views[0].shape, patterns, views[1].buf);
    Py_END_ALLOW_THREADS
    free(patterns);
    release_arrays(views, 2);
    Py_RETURN_NONE;
failed:
    release_arrays(views, 2);
    return NULL;
}

/* ---- Coordinates ------------------------------------------------------------------------------------------- */

/* Fill out, three rows z, y, x of n_voxels, with the region's places in mm; return how many voxels there were. */
static Py_ssize_t fill_coordinates(const uint8_t *mask, const Py_ssize_t *shape, const double *spacing,
                                   Py_ssize_t n_voxels, double *out)
{
    Py_ssize_t n = 0;
    for (Py_ssize_t z = 0; z < shape[0]; z++)
        for (Py_ssize_t y = 0; y < shape[1]; y++) {
            const uint8_t *row = row_of(mask, shape, z, y);
            for (Py_ssize_t x = 0; x < shape[2]; x++)
                if (row[x]) {
                    if (n == n_voxels)
                        return n + 1;
                    out[n] = (double)(z + 1) * spacing[0];
                    out[n_voxels + n] = (double)(y + 1) * spacing[1];
                    out[2 * n_voxels + n] = (double)(x + 1) * spacing[2];
                    n++;
                }
        }
    return n;
}

static PyObject *coordinates(PyObject *module, PyObject *args)
{
    PyObject *objects[3];
    Py_buffer views[3] = {{0}, {0}, {0}};
    Py_ssize_t n = -1;
    (void)module;
    if (!PyArg_ParseTuple(args, "OOO", &objects[0], &objects[1], &objects[2]))
        return NULL;
    if (take_array(objects[0], &views[0], 'u', 1, 3, READ, "mask") == 0 &&
        take_array(objects[1], &views[1], 'f', 8, 1, READ, "spacing") == 0 &&
        take_array(objects[2], &views[2], 'f', 8, 2, WRITE, "out") == 0 && views[1].shape[0] == 3 &&
        views[2].shape[0] == 3) {
        Py_BEGIN_ALLOW_THREADS
        n = fill_coordinates(views[0].buf, views[0].shape, views[1].buf, views[2].shape[1], views[2].buf);
        Py_END_ALLOW_THREADS
    }
    if (!PyErr_Occurred() && n != views[2].shape[1])
        PyErr_SetString(PyExc_ValueError, "expected spacing (3,) and out (3, number of voxels in the mask)");
    release_arrays(views, 3);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* ---- Diameters --------------------------------------------------------------------------------------------- */

/* The largest distance lies between extreme points of the vertices' convex hull. A point inside the hull can not win
   by rounding: it is a mean of extreme points that lie half a voxel away or more, so the largest squared distance to
   it falls short by at least a quarter of the squared spacing. So per plane the hull suffices, found with integers;
   the distances between the few points left are then computed with pyradiomics' own arithmetic. */

typedef struct {
    int32_t at[3]; /* z, y, x in half voxels */
} Point;

typedef struct {
    Point *points;
    size_t n, room;
} Points;

/* The planes across one axis: points of plane p are points[start[p]] to points[start[p + 1]]. */
typedef struct {
    const uint8_t *mask; /* columns side by side */
    Py_ssize_t n_planes, n_rows, n_columns, plane_stride, row_stride;
    int axes[3]; /* which of z, y, x runs over planes, rows, columns */
} Stack;

static int append(Points *list, const Point *points, size_t n)
{
    if (n == 0)
        return 0;
    if (list->n + n > list->room) {
        size_t room = 2 * list->room + n + 64;
        Point *grown = realloc(list->points, room * sizeof(Point));
        if (!grown)
            return -1;
        list->points = grown;
        list->room = room;
    }
    memcpy(list->points + list->n, points, n * sizeof(Point));
    list->n += n;
    return 0;
}

/* First and last column where two rows (NULL: all 0) differ; 0 when they are the same. */
static int differing_columns(const uint8_t *a, const uint8_t *b, Py_ssize_t n, Py_ssize_t *first, Py_ssize_t *last)
{
    static const uint8_t zeros[8] = {0};
    Py_ssize_t low = 0, high = n;
    if (!a && !b)
        return 0;
    if (!a) {
        a = b;
        b = NULL;
    }
    while (low + 8 <= n && memcmp(a + low, b ? b + low : zeros, 8) == 0)
        low += 8;
    while (low < n && a[low] == (b ? b[low] : 0))
        low++;
    if (low == n)
        return 0;
    while (high >= 8 && memcmp(a + high - 8, b ? b + high - 8 : zeros, 8) == 0)
        high -= 8;
    while (a[high - 1] == (b ? b[high - 1] : 0))
        high--;
    *first = low;
    *last = high - 1;
    return 1;
}

static const uint8_t *stack_row(const Stack *stack, Py_ssize_t plane, Py_ssize_t row)
{
    if (plane < 0 || row < 0 || plane >= stack->n_planes || row >= stack->n_rows)
        return NULL;
    return stack->mask + plane * stack->plane_stride + row * stack->row_stride;
}

/* The outermost vertices of each row of a plane, sorted by row and column; plane and rows in half voxels. */
static size_t outermost_vertices(const Stack *stack, Py_ssize_t plane, Point *points)
{
    size_t n = 0;
    Py_ssize_t first, last, below = plane / 2 - 1;
    int between = (int)(plane % 2);
    for (Py_ssize_t row = between ? 2 : 1; row <= 2 * stack->n_rows + 1; row += between ? 2 : 1) {
        Py_ssize_t before = row / 2 - 1;
        const uint8_t *here = stack_row(stack, below, before), *there = NULL;
        if (between)
            there = stack_row(stack, below + 1, before);
        else if (row % 2)
            there = stack_row(stack, below, before + 1);
        if (!differing_columns(here, there, stack->n_columns, &first, &last))
            continue;
        int32_t outward = between || row % 2 ? 0 : 1; /* a row of voxels ends half a voxel outside its last */
        int32_t columns[2] = {(int32_t)(2 * first + 2) - outward, (int32_t)(2 * last + 2) + outward};
        for (int end = 0; end < (columns[0] == columns[1] ? 1 : 2); end++) {
            points[n].at[stack->axes[0]] = (int32_t)plane;
            points[n].at[stack->axes[1]] = (int32_t)row;
            points[n++].at[stack->axes[2]] = columns[end];
        }
    }
    return n;
}

static int64_t turn(const Point *a, const Point *b, const Point *c, int row, int column)
{
    return ((int64_t)b->at[row] - a->at[row]) * ((int64_t)c->at[column] - a->at[column]) -
           ((int64_t)b->at[column] - a->at[column]) * ((int64_t)c->at[row] - a->at[row]);
}

/* Keep the corners of the convex hull (Andrew's monotone chain, 1979) of n points of one plane, sorted by row and
   column, in their order; return how many. chain and corner have room for n. */
static size_t keep_hull(Point *points, size_t n, int row, int column, size_t *chain, uint8_t *corner)
{
    size_t kept = 0;
    if (n < 3)
        return n;
    memset(corner, 0, n);
    for (int side = -1; side <= 1; side += 2) {
        size_t length = 0;
        for (size_t k = 0; k < n; k++) {
            while (length > 1 &&
                   side * turn(&points[chain[length - 2]], &points[chain[length - 1]], &points[k], row, column) <= 0)
                length--;
            chain[length++] = k;
        }
        for (size_t k = 0; k < length; k++)
            corner[chain[k]] = 1;
    }
    for (size_t k = 0; k < n; k++)
        if (corner[k])
            points[kept++] = points[k];
    return kept;
}

/* The largest squared distance between n places, or at_least when none is larger. Eight maxima side by side let the
   compiler use vectors; a maximum does not depend on its order. */
FOR_EACH_PROCESSOR
static double largest_squared_distance(const double *z, const double *y, const double *x, size_t n, double at_least)
{
    double largest[8];
    for (int lane = 0; lane < 8; lane++)
        largest[lane] = at_least;
    for (size_t a = 1; a < n; a++) {
        size_t b = 0;
        for (; b + 8 <= a; b += 8)
            for (int lane = 0; lane < 8; lane++) {
                double dz = z[a] - z[b + lane], dy = y[a] - y[b + lane], dx = x[a] - x[b + lane];
                double squared = dz * dz + dy * dy + dx * dx;
                largest[lane] = squared > largest[lane] ? squared : largest[lane];
            }
        for (; b < a; b++) {
            double dz = z[a] - z[b], dy = y[a] - y[b], dx = x[a] - x[b];
            double squared = dz * dz + dy * dy + dx * dx;
            largest[0] = squared > largest[0] ? squared : largest[0];
        }
    }
    for (int lane = 1; lane < 8; lane++)
        largest[0] = largest[lane] > largest[0] ? largest[lane] : largest[0];
    return largest[0];
}

/* Places in mm, one row per axis, in memory that the caller frees. */
static double *places(const Points *list, const double *spacing)
{
    double *mm = malloc((3 * list->n + 1) * sizeof(double));
    if (mm)
        for (int axis = 0; axis < 3; axis++)
            for (size_t k = 0; k < list->n; k++)
                mm[(size_t)axis * list->n + k] = (double)list->points[k].at[axis] * 0.5 * spacing[axis];
    return mm;
}

/* The squared diameter of the box round the points from begin to end, which none of their distances exceeds. */
static double box_diameter(const Points *list, size_t begin, size_t end, const double *spacing)
{
    double squared = 0;
    for (int axis = 0; axis < 3; axis++) {
        int32_t low = INT32_MAX, high = 0;
        for (size_t k = begin; k < end; k++) {
            int32_t at = list->points[k].at[axis];
            low = at < low ? at : low;
            high = at > high ? at : high;
        }
        double side = (double)(high - low) * 0.5 * spacing[axis];
        squared += side * side;
    }
    return squared;
}

/* The largest squared distance within a plane; planes from the middle outwards, so that most are never measured. */
static int diameter_within_planes(const Points *list, const size_t *start, Py_ssize_t n_planes, const double *spacing,
                                  double *squared)
{
    double *mm = places(list, spacing);
    if (!mm)
        return -1;
    *squared = 0;
    for (Py_ssize_t k = 0; k < n_planes; k++) {
        Py_ssize_t plane = n_planes / 2 + (k % 2 ? -(k + 1) / 2 : k / 2);
        if (plane < 0 || plane >= n_planes)
            continue;
        size_t begin = start[plane], n = start[plane + 1] - begin;
        if (n < 2 || box_diameter(list, begin, begin + n, spacing) < *squared * (1 - 1e-9))
            continue;
        *squared = largest_squared_distance(mm + begin, mm + list->n + begin, mm + 2 * list->n + begin, n, *squared);
    }
    free(mm);
    return 0;
}

/* Collect the hulls of all planes of a stack and measure within them. */
static int measure_stack(const Stack *stack, const double *spacing, Points *list, double *squared)
{
    Py_ssize_t n_planes = 2 * stack->n_planes + 2;
    size_t most = 4 * (size_t)stack->n_rows + 2;
    Point *points = malloc(most * sizeof(Point));
    size_t *chain = malloc(most * sizeof(size_t)), *start = calloc((size_t)n_planes + 1, sizeof(size_t));
    uint8_t *corner = malloc(most);
    int status = points && chain && start && corner ? 0 : -1;
    for (Py_ssize_t plane = 1; status == 0 && plane < n_planes; plane++) {
        size_t n = outermost_vertices(stack, plane, points);
        status = append(list, points, keep_hull(points, n, stack->axes[1], stack->axes[2], chain, corner));
        start[plane + 1] = list->n;
    }
    if (status == 0)
        status = diameter_within_planes(list, start, n_planes, spacing, squared);
    free(points);
    free(chain);
    free(start);
    free(corner);
    return status;
}

/* Keep the points that are corners of the hull of their plane across an axis. Points sorted by (z, y, x) come out
   sorted by (y, z, x), and those by (x, y, z): the sort by plane is stable. */
static int keep_hulls_across(Points *list, int axis, int row, int column, Py_ssize_t n_planes)
{
    size_t n = list->n, kept = 0, *start = calloc((size_t)n_planes + 2, sizeof(size_t));
    size_t *chain = malloc((n + 1) * sizeof(size_t));
    Point *sorted = malloc((n + 1) * sizeof(Point));
    uint8_t *corner = malloc(n + 1);
    int status = start && chain && sorted && corner ? 0 : -1;
    if (status == 0) {
        for (size_t k = 0; k < n; k++)
            start[list->points[k].at[axis] + 2]++;
        for (Py_ssize_t plane = 2; plane <= n_planes; plane++)
            start[plane] += start[plane - 1];
        for (size_t k = 0; k < n; k++)
            sorted[start[list->points[k].at[axis] + 1]++] = list->points[k];
        for (Py_ssize_t plane = 0; plane < n_planes; plane++) {
            size_t begin = start[plane];
            size_t left = keep_hull(sorted + begin, start[plane + 1] - begin, row, column, chain, corner);
            for (size_t k = 0; k < left; k++)
                list->points[kept++] = sorted[begin + k];
        }
        list->n = kept;
    }
    free(start);
    free(chain);
    free(sorted);
    free(corner);
    return status;
}

/* The mask with its axes in the order (x, z, y), in memory that the caller frees. */
static uint8_t *columns_as_planes(const uint8_t *mask, const Py_ssize_t *shape)
{
    Py_ssize_t n_rows = shape[0] * shape[1];
    uint8_t *turned = malloc((size_t)(n_rows * shape[2]) + 1);
    if (turned)
        for (Py_ssize_t from = 0; from < n_rows; from += 32) /* in blocks: each cache line is used whole */
            for (Py_ssize_t x = 0; x < shape[2]; x++)
                for (Py_ssize_t row = from; row < n_rows && row < from + 32; row++)
                    turned[x * n_rows + row] = mask[row * shape[2] + x];
    return turned;
}

/* Squared diameters: within planes across z, y and x, and in space. */
static int measure_diameters(const uint8_t *mask, const Py_ssize_t *shape, const double *spacing, double *squared)
{
    Py_ssize_t nz = shape[0], ny = shape[1], nx = shape[2];
    uint8_t *turned = columns_as_planes(mask, shape);
    Stack stacks[3] = {{mask, nz, ny, nx, ny * nx, nx, {0, 1, 2}},
                       {mask, ny, nz, nx, nx, ny * nx, {1, 0, 2}},
                       {turned, nx, nz, ny, nz * ny, ny, {2, 0, 1}}};
    Points lists[3] = {{NULL, 0, 0}, {NULL, 0, 0}, {NULL, 0, 0}}, *all = &lists[0];
    int status = turned ? 0 : -1;
    for (int k = 0; k < 3 && status == 0; k++)
        status = measure_stack(&stacks[k], spacing, &lists[k], &squared[k]);
    if (status == 0)
        status = keep_hulls_across(all, 1, 0, 2, 2 * ny + 2);
    if (status == 0)
        status = keep_hulls_across(all, 2, 1, 0, 2 * nx + 2);
    double *mm = status == 0 ? places(all, spacing) : NULL;
    if (mm)
        squared[3] = largest_squared_distance(mm, mm + all->n, mm + 2 * all->n, all->n, 0.0);
    else
        status = -1;
    free(mm);
    for (int k = 0; k < 3; k++)
        free(lists[k].points);
    free(turned);
    return status;
}

static PyObject *squared_diameters(PyObject *module, PyObject *args)
{
    PyObject *objects[3];
    Py_buffer views[3] = {{0}, {0}, {0}};
    int status = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "OOO", &objects[0], &objects[1], &objects[2]))
        return NULL;
    if (take_array(objects[0], &views[0], 'u', 1, 3, READ, "mask") == 0 &&
        take_array(objects[1], &views[1], 'f', 8, 1, READ, "spacing") == 0 &&
        take_array(objects[2], &views[2], 'f', 8, 1, WRITE, "out") == 0) {
        if (views[1].shape[0] != 3 || views[2].shape[0] != 4)
            PyErr_SetString(PyExc_ValueError, "expected spacing (3,) and out (4,)");
        else {
            Py_BEGIN_ALLOW_THREADS
            status = measure_diameters(views[0].buf, views[0].shape, views[1].buf, views[2].buf);
            Py_END_ALLOW_THREADS
            if (status < 0)
                PyErr_NoMemory();
        }
    }
    release_arrays(views, 3);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* ---- Module ------------------------------------------------------------------------------------------------ */

static PyMethodDef methods[] = {
    {"cube_counts", cube_counts, METH_VARARGS,
     "cube_counts(mask uint8 (z, y, x), counts int64 (256, 4)): cubes, sum of z, of y, of x per corner pattern"},
    {"coordinates", coordinates, METH_VARARGS,
     "coordinates(mask uint8 (z, y, x), spacing float64 (3,), out float64 (3, n)): places of the voxels, mm"},
    {"squared_diameters", squared_diameters, METH_VARARGS,
     "squared_diameters(mask uint8 (z, y, x), spacing float64 (3,), out float64 (4,)): within z, y, x planes, in all"},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_mesh", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__mesh(void)
{
    return PyModule_Create(&definition);
}
