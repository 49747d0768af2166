/* Samples on a sphere round every voxel of a region, interpolated with cubic B-splines.

   The products and sums run in the order of scipy.ndimage.map_coordinates, so the samples are bit-equal: local binary
   patterns compare them with voxels that are often just as bright. */
#include "../../_arrays.h"
#include <stdlib.h>

enum { SUPPORT = 4 }; /* taps of a cubic B-spline along one axis */

/* starts (n_vertices, n_positions): the first coefficient that a sample reads along an axis, -1 outside the volume;
   weights (n_vertices, SUPPORT, n_positions). Positions are the box's planes, then its rows, then its columns. */
typedef struct {
    const double *coefficients, *weights;
    const int32_t *starts;
    const uint8_t *mask;
    double *samples, *scaled, *sums;
    Py_ssize_t n_vertices, n_positions, n_rows, n_columns, plane, row_stride, plane_stride;
} Spheres;

/* Add to sums the taps of one row of coefficients, already scaled along the two other axes. */
FOR_EACH_PROCESSOR
static void add_row(const double *row, double plane_weight, double row_weight, const double *weights,
                    Py_ssize_t n_positions, Py_ssize_t length, double *scaled, double *sums)
{
    for (Py_ssize_t k = 0; k < length + SUPPORT - 1; k++)
        scaled[k] = row[k] * plane_weight * row_weight;
    const double *w0 = weights, *w1 = w0 + n_positions, *w2 = w1 + n_positions, *w3 = w2 + n_positions;
    for (Py_ssize_t k = 0; k < length; k++)
        sums[k] = sums[k] + scaled[k] * w0[k] + scaled[k + 1] * w1[k] + scaled[k + 2] * w2[k] + scaled[k + 3] * w3[k];
}

/* Sum the samples of one vertex for `length` neighboring voxels whose first coefficients are neighbors too. */
static void sum_run(const Spheres *s, Py_ssize_t vertex, Py_ssize_t row, Py_ssize_t column, Py_ssize_t length)
{
    const Py_ssize_t n = s->n_positions, first_row = n - s->n_columns - s->n_rows, first_column = n - s->n_columns;
    const double *weights = s->weights + vertex * SUPPORT * n;
    const int32_t *starts = s->starts + vertex * n;
    const int32_t z = starts[s->plane], y = starts[first_row + row], x = starts[first_column + column];
    memset(s->sums, 0, (size_t)length * sizeof(double));
    if (z < 0 || y < 0 || x < 0)
        return;
    const double *corner = s->coefficients + z * s->plane_stride + y * s->row_stride + x;
    for (int i = 0; i < SUPPORT; i++)
        for (int j = 0; j < SUPPORT; j++)
            add_row(corner + i * s->plane_stride + j * s->row_stride, weights[i * n + s->plane],
                    weights[j * n + first_row + row], weights + first_column + column, n, length, s->scaled, s->sums);
}

/* Number of voxels from column on that lie in the region and whose first coefficients are neighbors. */
static Py_ssize_t run_length(const uint8_t *mask, const int32_t *starts, Py_ssize_t column, Py_ssize_t n_columns)
{
    Py_ssize_t end = column + 1;
    while (end < n_columns && mask[end] && starts[column] >= 0 && starts[end] == starts[column] + (end - column))
        end++;
    return end - column;
}

static void sample_vertex(const Spheres *s, Py_ssize_t vertex)
{
    const int32_t *column_starts = s->starts + vertex * s->n_positions + s->n_positions - s->n_columns;
    double *sample = s->samples + vertex;
    for (Py_ssize_t row = 0; row < s->n_rows; row++) {
        const uint8_t *mask = s->mask + row * s->n_columns;
        for (Py_ssize_t column = 0, length; column < s->n_columns; column += length) {
            length = 1;
            if (!mask[column])
                continue;
            length = run_length(mask, column_starts, column, s->n_columns);
            sum_run(s, vertex, row, column, length);
            for (Py_ssize_t k = 0; k < length; k++, sample += s->n_vertices)
                *sample = s->sums[k];
        }
    }
}

/* Whether every start leaves its taps inside the coefficients, and samples has a row for every voxel of the mask. */
static int are_in_bounds(const Spheres *s, const Py_buffer *views)
{
    const Py_ssize_t *size = views[0].shape, n_planes = s->n_positions - s->n_rows - s->n_columns;
    Py_ssize_t n_voxels = 0;
    for (Py_ssize_t k = 0; k < s->n_rows * s->n_columns; k++)
        n_voxels += s->mask[k] != 0;
    const Py_ssize_t *weights = views[3].shape, *samples = views[4].shape;
    int fits = s->plane >= 0 && s->plane < n_planes && samples[0] == n_voxels && samples[1] == s->n_vertices &&
               weights[0] == s->n_vertices && weights[1] == SUPPORT && weights[2] == s->n_positions;
    for (Py_ssize_t k = 0; fits && k < s->n_vertices * s->n_positions; k++) {
        const Py_ssize_t position = k % s->n_positions;
        const int axis = position < n_planes ? 0 : position < n_planes + s->n_rows ? 1 : 2;
        fits = s->starts[k] >= -1 && s->starts[k] <= size[axis] - SUPPORT;
    }
    if (!fits)
        PyErr_SetString(PyExc_ValueError, "sample_plane: the arrays' shapes or the starts do not fit each other");
    return fits;
}

static PyObject *sample_checked(Spheres *s)
{
    s->scaled = malloc((size_t)(2 * s->n_columns + SUPPORT) * sizeof(double));
    if (!s->scaled)
        return PyErr_NoMemory();
    s->sums = s->scaled + s->n_columns + SUPPORT;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t vertex = 0; vertex < s->n_vertices; vertex++)
        sample_vertex(s, vertex);
    Py_END_ALLOW_THREADS
    free(s->scaled);
    return Py_NewRef(Py_None);
}

/* sample_plane(coefficients, mask of the plane, starts, weights, samples (n_voxels, n_vertices), plane) */
static PyObject *sample_plane(PyObject *module, PyObject *arguments)
{
    PyObject *coefficients, *mask, *starts, *weights, *samples, *done = NULL;
    Py_buffer views[5] = {{0}};
    Spheres s = {0};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOOOn", &coefficients, &mask, &starts, &weights, &samples, &s.plane))
        return NULL;
    if (take_array(coefficients, &views[0], 'f', 8, 3, READ, "coefficients") == 0 &&
        take_array(mask, &views[1], 'u', 1, 2, READ, "mask") == 0 &&
        take_array(starts, &views[2], 'i', 4, 2, READ, "starts") == 0 &&
        take_array(weights, &views[3], 'f', 8, 3, READ, "weights") == 0 &&
        take_array(samples, &views[4], 'f', 8, 2, WRITE, "samples") == 0) {
        s.coefficients = views[0].buf, s.mask = views[1].buf, s.starts = views[2].buf, s.weights = views[3].buf;
        s.samples = views[4].buf;
        s.row_stride = views[0].shape[2], s.plane_stride = views[0].shape[1] * views[0].shape[2];
        s.n_rows = views[1].shape[0], s.n_columns = views[1].shape[1];
        s.n_vertices = views[2].shape[0], s.n_positions = views[2].shape[1];
        if (are_in_bounds(&s, views))
            done = sample_checked(&s);
    }
    release_arrays(views, 5);
    return done;
}

static PyMethodDef methods[] = {{"sample_plane", sample_plane, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_spheres", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__spheres(void)
{
    return PyModule_Create(&module);
}
